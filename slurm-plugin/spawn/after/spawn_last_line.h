/* The last line of a command's standard error, which says that it was cancelled, requeued or
 * reached its time limit, as slurmstepd writes it. */
#ifndef GLEAN_SPAWN_LAST_LINE_H
#define GLEAN_SPAWN_LAST_LINE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "spawn_request.h"
#include "spawn_supervise.h"

struct last_line {
	int errors; /* the command's standard error; -1: it is no file */
	time_t at; /* when it was told to end; 0: it was not */
	const char *why; /* what follows the time in the line */
};

/* Called before exec: gives the supervisor the standard error if it is a file. */
void spawn_last_line_lend(int status);

/* Reads from the other end of `status`, as read does; true: it was the standard error. */
bool spawn_last_line_take(struct last_line *line, int status, void *data, size_t size, ssize_t *got);

void spawn_last_line_write(const struct last_line *line, const struct spawn_request *request, const struct task *task);

#endif
