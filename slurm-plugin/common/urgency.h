/* Gives the program that clears a node priority over all other work there, so that no load decides
 * when a job can start. */
#ifndef GLEAN_URGENCY_H
#define GLEAN_URGENCY_H

#include <stdbool.h>
#include <sys/types.h>

/* Gives this process and its children real-time priority; if that is refused, the best nice value.
 * A process that works for URGENCY_CPU_MS without a pause loses it. */
void urgency_take(void);

/* Returns to normal scheduling. */
void urgency_drop(void);

/* Keeps this process in memory: pages that must be read from a disk would arrive too late. */
void urgency_stay_in_memory(void);

/* Gives the same priority to a process (0: this one), but not to its children; false if that is
 * refused. */
bool urgency_lend(pid_t pid);
void urgency_take_back(pid_t pid);

#endif
