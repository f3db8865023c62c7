/* Puts what frees a node before all other work of it, so that no load decides when a job can start. */
#ifndef GLEAN_URGENCY_H
#define GLEAN_URGENCY_H

#include <stdbool.h>
#include <sys/types.h>

/* Real-time priority for this process and what it forks; where that is refused, the best nice value. A process that works
 * for URGENCY_CPU_MS without a pause loses it. */
void urgency_take(void);

/* Back to normal scheduling. */
void urgency_drop(void);

/* Keeps this process in memory: pages that must be read from a disk would arrive late. */
void urgency_stay_in_memory(void);

/* Lends the same priority to another process, but not to what it starts; false where that is refused. */
bool urgency_lend(pid_t pid);
void urgency_take_back(pid_t pid);

#endif
