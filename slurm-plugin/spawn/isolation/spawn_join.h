/* Puts the command into its cgroups without the kernel's wait for all processors, which it has
 * whenever one process moves another: the command is born in its group of version 2, and enters
 * those of version 1 by itself, as a single thread.
 *
 * The kernel holds a lock of the whole node while a process moves. In the group of functions it may
 * have to wait for a processor, and with the lock everything else would. So it moves at real-time
 * priority; where it may not, its supervisor, which stays outside, moves it. */
#ifndef GLEAN_SPAWN_JOIN_H
#define GLEAN_SPAWN_JOIN_H

#include "spawn_report.h"
#include "spawn_request.h"

/* As fork(2). `is_born_inside`: the new process is in the group of `kill`, if it joins that. */
pid_t spawn_join_fork(const struct spawn_request *request, bool *is_born_inside);

/* Called by the command. Returns how many of the joins are done; the supervisor does the others. */
size_t spawn_join_self(const struct spawn_request *request, bool is_born_inside);

/* Called by the supervisor, while the command waits: does the joins from the one at `at`. False,
 * with the failure, if a cgroup refused. */
bool spawn_join_rest(const struct spawn_request *request, size_t at, pid_t command, struct failure *failure);

#endif
