/* Examines a cgroup of version 2 and everything below it, and kills it. `kill_path` is its
 * cgroup.kill. */
#ifndef GLEAN_CGROUP_TREE_H
#define GLEAN_CGROUP_TREE_H

#include <stdbool.h>

#include "proc_tree.h"

/* The descriptor of its cgroup.events, or -1 with errno. */
int cgroup_tree_open_events(const char *kill_path);

/* Whether it contains processes; a removed one has none. */
bool cgroup_tree_is_populated(int events);

/* Whether open or read of a cgroup's file failed because the cgroup is gone. Any other error (no
 * memory, no descriptor left) says nothing about its processes. */
bool cgroup_tree_is_gone(int error);

/*
 * Sends SIGKILL to everything in it and below it, also to what is being forked. For that, the
 * kernel takes a lock of the whole node, which somebody may hold for long, while even SIGKILL does
 * not end this process; so a separate process does it, and nobody waits for that one. False if the
 * group refused at once.
 */
bool cgroup_tree_kill(const char *kill_path);

/* Adds all processes in it and below it. May miss processes that fork meanwhile. */
void cgroup_tree_collect(struct proc_list *list, const char *kill_path);

#endif
