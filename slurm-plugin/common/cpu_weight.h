/* Functions run at the least weight; processes that are being killed get more weight than others,
 * and a processor where they need not wait, because otherwise they would die slowly. */
#ifndef GLEAN_CPU_WEIGHT_H
#define GLEAN_CPU_WEIGHT_H

#include <stdbool.h>
#include <sys/types.h>

/* Raises the weight of all functions above that of others; `kill_path` is the cgroup.kill of the
 * executor or of one attempt. The next executor lowers it again. Does nothing if there is no such
 * group. */
void cpu_weight_raise(const char *kill_path);

/* Where sessions are scheduled as groups (autogroup), a process has the priority of its session,
 * whatever its own: this sets the session's nice value. For users other than root, the kernel
 * allows one such change per 100 ms on the whole machine; beyond that nothing is done. */
void cpu_weight_of_session(pid_t pid, int nice);

/* Moves a dying process to another of its processors. Where it is, it may have to wait: nobody but
 * root can take it out of idle priority, and the kernel does not hurry to move an idle-priority
 * process from a busy processor to a free one. */
void cpu_weight_move(pid_t pid);

/* Makes this process, and what it starts, read and write only when no others want to. */
bool cpu_weight_idle_io(void);

/* Takes one process, and its reads and writes, out of idle priority: it dies once they are done.
 * Does nothing if it is gone. */
void cpu_weight_hurry(pid_t pid);

#endif
