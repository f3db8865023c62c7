/* Functions run at the least weight there is; what is killed gets more than others, and a processor where it need not wait, or it would
 * take long to die. */
#ifndef GLEAN_CPU_WEIGHT_H
#define GLEAN_CPU_WEIGHT_H

#include <stdbool.h>
#include <sys/types.h>

/* Lets all functions go before others; `kill_path` is the cgroup.kill of the executor or of one attempt. The next executor takes it
 * back. Where there is no such group nothing is done. */
void cpu_weight_raise(const char *kill_path);

/* Where sessions are scheduled as groups (autogroup), a process has its session's place, whatever its own is: this is the session's nice
 * value. The kernel lets others than root change one such value of the whole machine in 100 ms; then nothing is done. */
void cpu_weight_of_session(pid_t pid, int nice);

/* Moves a process that is about to die to some other of its processors. Where it is, it may have to wait: nobody but root can take it
 * from idle priority, and the kernel is in no hurry to move what is idle from a processor that others use to a free one. */
void cpu_weight_move(pid_t pid);

/* This process, and what it starts, reads and writes when no others want to. */
bool cpu_weight_idle_io(void);

/* Takes one process from idle priority, and its reads and writes, too: it dies when they are done. Nothing is done for one that is gone. */
void cpu_weight_hurry(pid_t pid);

#endif
