/* Ends an executor and everything it started, and waits until all of it is gone. */
#ifndef GLEAN_KILL_TREE_H
#define GLEAN_KILL_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "proc_tree.h"

struct kill_target {
	struct proc executor;
	char kill_path[512]; /* its cgroup's cgroup.kill, "" without cgroup */
};

enum kill_outcome {
	KILL_NONE_LEFT, /* there was nothing alive, but for what is known to be unkillable */
	KILL_DONE,	/* killed, and gone */
	KILL_LATE,	/* killed, but some of it was still there at the deadline, or could not be looked at */
};

/* Reads executor.pid of the node's folder. False when it is missing or malformed. */
bool kill_target_read(struct kill_target *target, int folder);

/* The same of a text that was read already, and changes it. */
bool kill_target_parse(struct kill_target *target, char *text);

/* Does not wait for the processes in `known`. After KILL_LATE `left` has those that it waited for in vain. */
enum kill_outcome kill_target_end(const struct kill_target *target, const struct proc_list *known,
				  struct proc_list *left, uint64_t deadline_ns);

#endif
