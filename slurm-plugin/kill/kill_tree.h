/* Ends an executor and everything that it started, and waits until all of it is gone. */
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
	KILL_NONE_LEFT, /* nothing was alive, except processes known to be unkillable */
	KILL_DONE,	/* killed, and gone */
	/* killed, but some of it was still there at the deadline, or could not be checked */
	KILL_LATE,
};

/* Reads executor.pid in the node's folder. False if it is missing or malformed. */
bool kill_target_read(struct kill_target *target, int folder);

/* The same for a text that was already read; changes it. */
bool kill_target_parse(struct kill_target *target, char *text);

/* Whether its cgroup contains more than the processes in `known`, or cannot be read. */
bool kill_target_is_occupied(const struct kill_target *target, const struct proc_list *known);

/* Does not wait for the processes in `known`. After KILL_LATE, `left` holds those that did not end
 * in time. */
enum kill_outcome kill_target_end(const struct kill_target *target, const struct proc_list *known,
				  struct proc_list *left, uint64_t deadline_ns);

#endif
