/* Supervises the command and everything that it started: signals, memory, the end of the last
 * process. */
#include "spawn_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "proc_tree.h"
#include "util.h"

#define KILL_PAUSE_MAX_MS 64
#define LARGE_PAGE_BYTES (2u << 20) /* what may have been asked for at the limit */
#define WALK_ROUND 5 /* with a cgroup: after 1 + 2 + 4 + 8 + 16 ms */

static uint64_t number_after(const char *text, const char *key)
{
	const char *found = strstr(text, key);
	return found != NULL ? strtoull(found + strlen(key), NULL, 10) : 0;
}

static bool read_in(const char *folder, const char *file, char text[1024])
{
	char path[1200];
	return format(path, sizeof path, "%s%s", folder, file) && read_text(AT_FDCWD, path, text, 1024);
}

/* From memory.events (v2) or memory.oom_control (v1). False if the folder has neither. */
static bool read_memory(const char *folder, struct memory_count *count)
{
	char text[1024];
	if (!read_in(folder, "memory.events", text) && !read_in(folder, "memory.oom_control", text))
		return false;
	count->kills = number_after(text, "\noom_kill ");
	count->shortages = number_after(text, "\noom ");
	return true;
}

static bool is_below(const char *folder, const char *peak_file, const char *limit_file)
{
	char peak[1024], limit[1024];
	return read_in(folder, peak_file, peak) && read_in(folder, limit_file, limit) &&
	       strtoull(peak, NULL, 10) + LARGE_PAGE_BYTES < strtoull(limit, NULL, 10);
}

/* Version 1 counts no shortages, but has the peaks of what was used, which the executor resets.
 * Memory that was swapped out is only in the peak of both, which not every node has. */
static bool peak_is_below_limit(const char *folder)
{
	char text[1024];
	return is_below(folder, "memory.max_usage_in_bytes", "memory.limit_in_bytes") &&
	       (!read_in(folder, "memory.memsw.limit_in_bytes", text) ||
		is_below(folder, "memory.memsw.max_usage_in_bytes", "memory.memsw.limit_in_bytes"));
}

/* Finds the joined group of the hierarchy that limits memory. The others count nothing, and to look
 * there again takes longer than a short command. */
static void find_memory_folder(struct spawn_tree *tree)
{
	for (size_t at = tree->request->join_count; at-- > 0;) {
		const char *join = tree->request->joins[at];
		/* is_cgroup_file has checked the slash */
		size_t folder = (size_t)(strrchr(join, '/') + 1 - join);
		if (format(tree->memory_folder, sizeof tree->memory_folder, "%.*s", (int)folder, join) &&
		    read_memory(tree->memory_folder, &tree->memory_before))
			return;
	}
	tree->memory_folder[0] = '\0';
}

/* Other processes of the node may take its memory, too: the kernel then kills functions first. */
static void count_kills(struct spawn_tree *tree)
{
	struct memory_count now;
	const struct memory_count *before = &tree->memory_before;
	const char *folder = tree->memory_folder;
	if (folder[0] == '\0' || !read_memory(folder, &now) || now.kills <= before->kills)
		return;
	char text[1024];
	bool counts_shortages = read_in(folder, "memory.events", text);
	tree->ending.oom_kills += now.kills - before->kills;
	tree->ending.node_was_full =
	    counts_shortages ? now.shortages == before->shortages : peak_is_below_limit(folder);
}

void spawn_tree_init(struct spawn_tree *tree, const struct spawn_request *request, pid_t main)
{
	*tree = (struct spawn_tree){.request = request, .main = main};
	find_memory_folder(tree);
}

bool spawn_tree_reap(struct spawn_tree *tree)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid == tree->main) {
			tree->main_ended = true;
			if (!tree->request->keeps_children)
				tree->killing = true; /* as Slurm does at the end of a step */
			tree->ending.status = status;
		}
		if (pid == 0)
			return false;
		/* orphans become our children, so this means that nobody is left */
		if (pid < 0 && errno == ECHILD) {
			count_kills(tree);
			return true;
		}
		if (pid < 0 && errno != EINTR)
			return false;
	}
}

static struct proc_list *collect(void)
{
	static struct proc_list list;
	proc_tree_collect(&list, getpid());
	return &list;
}

void spawn_tree_terminate(struct spawn_tree *tree)
{
	/* At its very start the command has no group of its own yet. */
	if (!tree->main_ended && kill(-tree->main, SIGTERM) != 0)
		(void)kill(tree->main, SIGTERM);
	const struct proc_list *list = collect();
	for (size_t at = 0; at < list->count; at++) {
		struct proc_info info;
		if (proc_read(list->items[at].pid, &info) && info.pgrp != tree->main)
			(void)proc_signal(&list->items[at], SIGTERM);
	}
}

/* Whether a process has a handler for a signal; false if unknown. */
static bool catches(pid_t pid, int signal)
{
	static const char key[] = "\nSigCgt:";
	char path[64], text[4096];
	if (!format(path, sizeof path, "/proc/%d/status", (int)pid) ||
	    !read_text(AT_FDCWD, path, text, sizeof text))
		return false;
	const char *found = strstr(text, key);
	return found != NULL && (strtoull(found + sizeof key - 1, NULL, 16) >> (signal - 1) & 1) != 0;
}

void spawn_tree_notice(struct spawn_tree *tree)
{
	int signal = tree->request->notice_signal;
	if (signal == 0 || tree->main_ended)
		return;
	const struct proc_list *list = collect();
	bool alone = true;
	for (size_t at = 0; at < list->count; at++)
		alone = alone && list->items[at].pid == tree->main;
	/* A shell without a trap would die of it, which would end everything that it started. One
	 * with a trap must receive it before its child dies: otherwise it continues with the next
	 * line of its script. */
	if (tree->request->notice_main || alone || catches(tree->main, signal))
		(void)kill(tree->main, signal);
	for (size_t at = 0; at < list->count && !tree->request->notice_main; at++) {
		if (list->items[at].pid != tree->main)
			(void)proc_signal(&list->items[at], signal);
	}
}

/* Processes that are being killed take precedence over those that run, and so does their session if
 * no cgroup holds it. */
static void hurry(const struct spawn_tree *tree, pid_t pid)
{
	cpu_weight_hurry(pid);
	if (tree->request->kill_path == NULL && !tree->request->shared_session)
		cpu_weight_of_session(pid, 0);
}

int spawn_tree_kill(struct spawn_tree *tree)
{
	unsigned round = tree->rounds++;
	bool by_cgroup = false;
	if (tree->request->kill_path != NULL) {
		int fd = open(tree->request->kill_path, O_WRONLY | O_CLOEXEC);
		by_cgroup = fd >= 0 && write(fd, "1", 1) == 1;
		if (fd >= 0)
			(void)close(fd);
	}
	if (!tree->main_ended) {
		hurry(tree, tree->main);
		if (kill(-tree->main, SIGKILL) != 0)
			(void)kill(tree->main, SIGKILL);
	}
	/* With a cgroup, the first round ends everything that entered it, and these deaths wake us.
	 * The walk is for the rest: on a busy node, where dying takes a while, walks of many
	 * supervisors at once would only make it take longer. Children that are kept may be in
	 * groups of their own. */
	if (!by_cgroup || round >= WALK_ROUND || tree->request->keeps_children) {
		const struct proc_list *list = collect();
		for (size_t at = 0; at < list->count; at++) {
			hurry(tree, list->items[at].pid);
			if (round > 0 && tree->request->shared_session)
				cpu_weight_move(list->items[at].pid);
			(void)proc_signal(&list->items[at], SIGKILL);
		}
	}
	return round < 6 ? 1 << round : KILL_PAUSE_MAX_MS;
}

bool spawn_tree_has_limits(const struct spawn_tree *tree)
{
	return tree->request->poll_memory || tree->request->max_processes > 0;
}

void spawn_tree_check_limits(struct spawn_tree *tree)
{
	const struct spawn_request *request = tree->request;
	uint64_t pages = 0, processes = 0;
	const struct proc_list *list = collect();
	for (size_t at = 0; at < list->count; at++) {
		struct proc_info info;
		if (!proc_read(list->items[at].pid, &info) || info.start_ticks != list->items[at].start_ticks)
			continue;
		pages += info.rss_pages;
		/* a zombie has none, but its pid */
		processes += info.threads > 1 ? (uint64_t)info.threads : 1;
	}
	if (tree->killing)
		return;
	if (request->poll_memory && pages * (uint64_t)sysconf(_SC_PAGESIZE) > request->memory_bytes)
		tree->ending.oom_kills++;
	else if (request->max_processes > 0 && processes > request->max_processes)
		tree->ending.had_too_many_processes = true;
	else
		return;
	tree->killing = true;
}
