/* Looks at a cgroup of version 2 and all below it, and kills it. `kill_path` is its cgroup.kill. */
#ifndef GLEAN_CGROUP_TREE_H
#define GLEAN_CGROUP_TREE_H

#include <stdbool.h>

#include "proc_tree.h"

/* The descriptor of its cgroup.events, or -1 with errno. */
int cgroup_tree_open_events(const char *kill_path);

/* Whether processes are in it; one that is gone has none. */
bool cgroup_tree_is_populated(int events);

/* As open and read say it of a cgroup's file. Any other error (no memory, no descriptor left) says nothing of what runs there. */
bool cgroup_tree_is_gone(int error);

/*
 * SIGKILL to all in it and below it, also to what is being forked. The kernel takes a lock of the whole node for that, which
 * somebody may hold for long while this process cannot even be killed; so a process of its own does it, and nobody waits for
 * that one. False when the group refused at once.
 */
bool cgroup_tree_kill(const char *kill_path);

/* Adds all processes in it and below it. What forks meanwhile may be missed. */
void cgroup_tree_collect(struct proc_list *list, const char *kill_path);

#endif
