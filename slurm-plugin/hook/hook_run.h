/* Runs the hook in a process of its own, which may end at any moment: its last resorts, and the
 * begin or end of one job. */
#ifndef GLEAN_HOOK_RUN_H
#define GLEAN_HOOK_RUN_H

#include "hook_core.h"

/* From now on, a crash, a signal from slurmd or the timer ends this process with `status`. */
void hook_run_guard(int status);

/* Sends SIGALRM `deadline_ms` after the start, even in the middle of a system call that hangs.
 * Replaces an earlier timer. */
void hook_run_arm(uint64_t start_ns, int deadline_ms);

/* Gives this process priority over all other work of the node, and keeps it in memory, because a
 * job waits. Not for use in a process that belongs to others. */
void hook_run_first(void);

/* Reads the job from the environment, then calls hook_begin or hook_end; without a usable node or
 * job it writes one line to syslog. */
void hook_run_job(bool begins, const struct hook_settings *settings, struct hook_input *input);

#endif
