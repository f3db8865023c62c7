/* Reads from /proc what a process is and which processes descend from it. */
#ifndef GLEAN_PROC_TREE_H
#define GLEAN_PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* processes of one executor; a larger tree is killed in several rounds */
#define PROC_LIST_MAX 16384

/* A pid alone may have been reused; with its start time it is unique. */
struct proc {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
};

struct proc_info {
	pid_t ppid, pgrp;
	char state;
	int cpu; /* where it runs or last ran */
	long threads;
	uint64_t start_ticks, rss_pages;
};

struct proc_list {
	size_t count;
	struct proc items[PROC_LIST_MAX];
};

bool proc_read(pid_t pid, struct proc_info *info);

/* Parses /proc/PID/stat; the process chose its own name in it. */
bool proc_parse(const char *text, struct proc_info *info);

/* The first thread may be a zombie while other threads of the process still run. */
bool proc_has_ended(const struct proc_info *info);

/* Whether it is still the same process and not yet a zombie (a zombie holds nothing but its pid).
 */
bool proc_is_alive(const struct proc *proc);

/* Sends a signal only if the pid still belongs to this process. */
bool proc_signal(const struct proc *proc, int signal);

bool proc_list_add(struct proc_list *list, pid_t pid, uint64_t start_ticks);

/* Fills the list with the descendants of `root`, without `root`, parents before children. Uses the
 * kernel's list of children where available (cost: the tree), else all of /proc (cost: the node).
 * May miss processes that fork meanwhile. */
void proc_tree_collect(struct proc_list *list, pid_t root);

/* The two methods of proc_tree_collect, separate for their test. The first returns false if the
 * kernel has no such list. */
bool proc_tree_by_children(struct proc_list *list, pid_t root);
void proc_tree_by_scan(struct proc_list *list, pid_t root);

#endif
