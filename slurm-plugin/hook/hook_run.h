/* The hook in a process of its own, which may end at any moment: its last resorts, and one job's begin or end. */
#ifndef GLEAN_HOOK_RUN_H
#define GLEAN_HOOK_RUN_H

#include "hook_core.h"

/* From now on a crash, a signal of slurmd's and the timer end this process with `status`. */
void hook_run_guard(int status);

/* SIGALRM at `deadline_ms` after the start, even in the midst of a system call that hangs. Replaces an earlier timer. */
void hook_run_arm(uint64_t start_ns, int deadline_ms);

/* Ahead of all other work of the node, and kept in memory: a job waits. Not where this process is another's. */
void hook_run_first(void);

/* Takes the job from the environment, then hook_begin or hook_end; without a usable node or job one line to syslog. */
void hook_run_job(bool begins, const struct hook_settings *settings, struct hook_input *input);

#endif
