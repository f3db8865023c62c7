/* Kills all executors of a node by the names of their cgroups: for a node whose folder does not say
 * where its executor is. */
#include "node_group.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgroup_tree.h"
#include "util.h"

/* The names of src/executor/node/group-names.ts. */
#define GROUPS_MAX 16
#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

static uint32_t hash_of(const char *text)
{
	uint32_t hash = FNV_BASIS;
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
	return hash;
}

static bool group_path(char *out, size_t size, const char *run_dir, const char *node, int number)
{
	char real[PATH_MAX], suffix[8] = "";
	bool version_2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
	/* hook.conf and gleaner.yaml may name the same folder by different links. */
	const char *cluster = realpath(run_dir, real) != NULL ? real : run_dir;
	return (number == 0 || format(suffix, sizeof suffix, "~%d", number)) &&
	       format(out, size, "/sys/fs/cgroup/%sgleaner/%08x-%s%s/cgroup.kill", version_2 ? "" : "unified/",
		      hash_of(cluster), node, suffix);
}

enum kill_outcome node_group_end(const char *run_dir, const char *node, const struct proc_list *known,
				 struct proc_list *left, uint64_t deadline_ns)
{
	static struct kill_target targets[GROUPS_MAX];
	static struct proc_list left_here;
	bool occupied[GROUPS_MAX];
	enum kill_outcome worst = KILL_NONE_LEFT;
	left->count = 0;
	/* All of them first: what hangs in one must not keep the functions in another alive. */
	for (int number = 0; number < GROUPS_MAX; number++) {
		char *path = targets[number].kill_path;
		occupied[number] = group_path(path, sizeof targets[number].kill_path, run_dir, node, number) &&
				   kill_target_is_occupied(&targets[number], known);
		if (occupied[number])
			(void)cgroup_tree_kill(path); /* looked at below */
	}
	for (int number = 0; number < GROUPS_MAX; number++) {
		if (!occupied[number])
			continue;
		bool late = kill_target_end(&targets[number], known, &left_here, deadline_ns) == KILL_LATE;
		if (worst != KILL_LATE)
			worst = late ? KILL_LATE : KILL_DONE;
		for (size_t at = 0; late && at < left_here.count; at++)
			(void)proc_list_add(left, left_here.items[at].pid, left_here.items[at].start_ticks);
	}
	return worst;
}
