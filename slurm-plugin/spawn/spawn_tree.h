/* Supervises the command and everything that it started: signals, memory, the end of the last
 * process. */
#ifndef GLEAN_SPAWN_TREE_H
#define GLEAN_SPAWN_TREE_H

#include "spawn_request.h"

/* What a memory cgroup counts, which other commands may have had before. */
struct memory_count {
	uint64_t kills; /* of its processes by the kernel, whatever memory was short */
	uint64_t shortages; /* within its own limit; 0 where that is not counted (v1) */
};

struct spawn_tree {
	const struct spawn_request *request;
	pid_t main;	 /* the command; also its process group */
	bool main_ended; /* it was reaped; its pid may have been reused */
	bool killing; /* nothing of the tree may live on */
	unsigned rounds; /* of killing */
	char memory_folder[1100]; /* of the cgroup that limits memory, with a slash; empty if there is none */
	struct memory_count memory_before;
	struct ending ending;
};

void spawn_tree_init(struct spawn_tree *tree, const struct spawn_request *request, pid_t main);

/* Reaps ended processes. True if no descendant is left; then `ending` is complete. */
bool spawn_tree_reap(struct spawn_tree *tree);

/* Sends SIGTERM to the command's process group and to every descendant outside of it. */
void spawn_tree_terminate(struct spawn_tree *tree);

/* Sends the signal that the command requested, if any: to everything that it started, and to itself
 * if it catches it or is alone. With noticeMain, only to itself. */
void spawn_tree_notice(struct spawn_tree *tree);

/* One round of killing, to be repeated until spawn_tree_reap returns true: the next round reaches
 * what forks meanwhile. Returns the milliseconds to wait before it, unless a child ends earlier. */
int spawn_tree_kill(struct spawn_tree *tree);

/* Whether the request has limits for spawn_tree_check_limits to check. */
bool spawn_tree_has_limits(const struct spawn_tree *tree);

/* Sums the tree's resident memory and its processes with their threads, and starts killing if
 * either exceeds its limit. */
void spawn_tree_check_limits(struct spawn_tree *tree);

#endif
