/* Kills all executors of a node by the names of their cgroups: for a node whose folder does not say
 * where its executor is. */
#ifndef GLEAN_NODE_GROUP_H
#define GLEAN_NODE_GROUP_H

#include "kill_tree.h"

/* As kill_target_end. KILL_NONE_LEFT also if the node has no executor in a cgroup. */
enum kill_outcome node_group_end(const char *run_dir, const char *node, const struct proc_list *known,
				 struct proc_list *left, uint64_t deadline_ns);

#endif
