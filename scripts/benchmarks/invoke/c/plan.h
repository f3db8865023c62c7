/* What a row's program in C is to do, from its environment, and how it says what it measured. */
#ifndef INVOKE_PLAN_H
#define INVOKE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

/* The largest input of the plan. */
size_t plan_largest(void);

/* Runs `call(bytes, context)` for each size as often as the plan says, one call after another, and
 * prints how long each took. */
void plan_measure(void (*call)(size_t bytes, void *context), void *context);

/* The other end of the same: runs `answer` as often, and prints nothing. */
void plan_answer(void (*answer)(size_t bytes, void *context), void *context);

/* How many calls at once, and in all; 0 if none. */
void plan_burst(size_t *at_once, size_t *calls);
/* Prints how many calls a second there were. */
void plan_say_burst(size_t at_once, size_t calls, double took_us);

double plan_now_us(void);
/* Moves this process to the core of the peer, if anything is pinned. */
void plan_run_on_server_cpu(void);
/* Says what went wrong, and ends the program. */
_Noreturn void plan_fail(const char *message);

#endif
