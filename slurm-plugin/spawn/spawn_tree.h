/* Supervises the command and all that it started: signals, memory, the end of the last one. */
#ifndef GLEAN_SPAWN_TREE_H
#define GLEAN_SPAWN_TREE_H

#include "spawn_request.h"

struct spawn_tree {
	const struct spawn_request *request;
	pid_t main;	 /* the command; also its process group */
	bool main_ended; /* it was reaped, its pid may be another's */
	bool killing;	 /* nothing of the tree is to live on */
	unsigned rounds; /* of killing */
	uint64_t oom_before;
	struct ending ending;
};

void spawn_tree_init(struct spawn_tree *tree, const struct spawn_request *request, pid_t main);

/* Reaps what has ended. True when no descendant is left at all; then `ending` is complete. */
bool spawn_tree_reap(struct spawn_tree *tree);

/* SIGTERM to the command's process group and to every descendant outside of it. */
void spawn_tree_terminate(struct spawn_tree *tree);

/* The signal that the command asked for, if it did: to all that it started, and to itself if it catches it or is alone. With
 * noticeMain to itself alone. */
void spawn_tree_notice(struct spawn_tree *tree);

/* One round of killing, to be repeated until spawn_tree_reap is true: what forks meanwhile is met by the next round. Returns the
 * milliseconds to wait before it, unless a child ends earlier. */
int spawn_tree_kill(struct spawn_tree *tree);

/* Whether the request has limits that spawn_tree_check_limits has to see to. */
bool spawn_tree_has_limits(const struct spawn_tree *tree);

/* Sums the tree's resident memory and its processes with their threads, and starts the killing when either is above its limit. */
void spawn_tree_check_limits(struct spawn_tree *tree);

#endif
