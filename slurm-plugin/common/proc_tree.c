/* Reads from /proc what a process is and which processes descend from it. */
#include "proc_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

#define PID_LIMIT 4194304 /* PID_MAX_LIMIT of 64-bit Linux */

bool proc_parse(const char *text, struct proc_info *info)
{
	/* The name in parentheses may contain anything, so parsing starts behind the last one. */
	const char *rest = strrchr(text, ')');
	unsigned long long start, rss;
	int ppid, pgrp;
	if (rest == NULL || sscanf(rest + 1,
				   " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d "
				   "%llu %*u %llu %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %d",
				   &info->state, &ppid, &pgrp, &info->threads, &start, &rss, &info->cpu) != 7)
		return false;
	info->ppid = ppid;
	info->pgrp = pgrp;
	info->start_ticks = start;
	info->rss_pages = rss;
	return true;
}

bool proc_read(pid_t pid, struct proc_info *info)
{
	char path[32], text[1024];
	return format(path, sizeof path, "/proc/%d/stat", (int)pid) &&
	       read_text(AT_FDCWD, path, text, sizeof text) && proc_parse(text, info);
}

bool proc_has_ended(const struct proc_info *info)
{
	return (info->state == 'Z' || info->state == 'X') && info->threads <= 1;
}

bool proc_is_alive(const struct proc *proc)
{
	struct proc_info info;
	return proc_read(proc->pid, &info) && info.start_ticks == proc->start_ticks && !proc_has_ended(&info);
}

bool proc_signal(const struct proc *proc, int signal)
{
	return proc_is_alive(proc) && kill(proc->pid, signal) == 0;
}

bool proc_list_add(struct proc_list *list, pid_t pid, uint64_t start_ticks)
{
	if (list->count >= PROC_LIST_MAX)
		return false;
	list->items[list->count++] = (struct proc){.pid = pid, .start_ticks = start_ticks};
	return true;
}

static void add_living(struct proc_list *list, pid_t pid)
{
	struct proc_info info;
	if (proc_read(pid, &info))
		(void)proc_list_add(list, pid, info.start_ticks); /* full: left to the next round */
}

/* Adds the pids of one `children` file: decimal numbers, each followed by a blank. */
static bool add_children_of_thread(struct proc_list *list, int tasks, const char *thread)
{
	char path[300], chunk[4096];
	if (!format(path, sizeof path, "%s/children", thread))
		return false;
	int fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t got;
	long pid = 0;
	while ((got = read(fd, chunk, sizeof chunk)) > 0) {
		for (ssize_t at = 0; at < got; at++) {
			if (isdigit((unsigned char)chunk[at]) && pid < PID_LIMIT) {
				pid = pid * 10 + (chunk[at] - '0');
			} else if (pid > 0) {
				add_living(list, (pid_t)pid);
				pid = 0;
			}
		}
	}
	(void)close(fd);
	return true;
}

static void add_children(struct proc_list *list, pid_t parent)
{
	char path[32];
	if (!format(path, sizeof path, "/proc/%d/task", (int)parent))
		return;
	DIR *tasks = opendir(path);
	if (tasks == NULL)
		return; /* it has ended meanwhile */
	const struct dirent *entry;
	while ((entry = readdir(tasks)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0]))
			(void)add_children_of_thread(list, dirfd(tasks), entry->d_name);
	}
	(void)closedir(tasks);
}

bool proc_tree_by_children(struct proc_list *list, pid_t root)
{
	list->count = 0;
	if (access("/proc/thread-self/children", R_OK) != 0)
		return false;
	add_children(list, root);
	for (size_t next = 0; next < list->count; next++)
		add_children(list, list->items[next].pid);
	return true;
}

/* One bit for each pid. */
static uint64_t in_tree[PID_LIMIT / 64];

static bool is_in_tree(uint64_t pid)
{
	return (in_tree[pid / 64] >> (pid % 64) & 1) != 0;
}

/* One pass over /proc that adds every process whose parent is in the tree; returns whether there
 * was one. */
static bool scan_once(struct proc_list *list)
{
	bool added = false;
	DIR *all = opendir("/proc");
	if (all == NULL)
		return false;
	const struct dirent *entry;
	while ((entry = readdir(all)) != NULL) {
		uint64_t pid;
		struct proc_info info;
		if (!parse_number(entry->d_name, 1, PID_LIMIT - 1, &pid) || is_in_tree(pid) ||
		    !proc_read((pid_t)pid, &info) || info.ppid <= 0 || info.ppid >= PID_LIMIT ||
		    !is_in_tree((uint64_t)info.ppid))
			continue;
		if (!proc_list_add(list, (pid_t)pid, info.start_ticks))
			break;
		in_tree[pid / 64] |= 1ull << (pid % 64);
		added = true;
	}
	(void)closedir(all);
	return added;
}

void proc_tree_by_scan(struct proc_list *list, pid_t root)
{
	list->count = 0;
	if (root <= 0 || root >= PID_LIMIT)
		return;
	memset(in_tree, 0, sizeof in_tree);
	in_tree[root / 64] |= 1ull << (root % 64);
	while (scan_once(list))
		;
}

void proc_tree_collect(struct proc_list *list, pid_t root)
{
	if (!proc_tree_by_children(list, root))
		proc_tree_by_scan(list, root);
}
