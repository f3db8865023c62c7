/* Reads from /proc who a process is and which processes descend from it. */
#ifndef GLEAN_PROC_TREE_H
#define GLEAN_PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_LIST_MAX 16384 /* processes of one executor; a tree that is larger is killed in several rounds */

/* A pid alone may have been given to another process; with its start time it is unique. */
struct proc {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
};

struct proc_info {
	pid_t ppid, pgrp;
	char state;
	int cpu; /* where it runs, or did last */
	long threads;
	uint64_t start_ticks, rss_pages;
};

struct proc_list {
	size_t count;
	struct proc items[PROC_LIST_MAX];
};

bool proc_read(pid_t pid, struct proc_info *info);

/* What /proc/PID/stat says; the process chose its name in it. */
bool proc_parse(const char *text, struct proc_info *info);

/* Still the same process and not yet a zombie (a zombie holds nothing but its pid). */
bool proc_is_alive(const struct proc *proc);

/* Sends a signal only when the pid still is this process. */
bool proc_signal(const struct proc *proc, int signal);

bool proc_list_add(struct proc_list *list, pid_t pid, uint64_t start_ticks);

/* Fills the list with the descendants of `root`, itself left out, parents before children. Read by the kernel's list of children
 * where it is built in (cost: the tree), else from all of /proc (cost: the node). What forks meanwhile may be missed. */
void proc_tree_collect(struct proc_list *list, pid_t root);

/* The two ways of proc_tree_collect, apart for their test. The first is false when the kernel has no such list. */
bool proc_tree_by_children(struct proc_list *list, pid_t root);
void proc_tree_by_scan(struct proc_list *list, pid_t root);

#endif
