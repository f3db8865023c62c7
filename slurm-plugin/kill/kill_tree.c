/* Ends an executor and everything that it started, and waits until all of it is gone. */
#include "kill_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cgroup_tree.h"
#include "cpu_weight.h"
#include "unkillable.h"
#include "util.h"

#define POPULATED_POLL_MS 5 /* in case the kernel's notification on cgroup.events is missed */
#define GONE_POLL_NS 1000000
/* what is still there at the second check is killed by pid, and again every this many checks */
#define LOOKS_TO_KILL 20

/* One `key=value` line of executor.pid. Unknown keys are for other readers. */
static bool read_entry(struct kill_target *target, const char *key, const char *value)
{
	uint64_t number;
	if (strcmp(key, "pid") == 0) {
		if (!parse_number(value, 2, 4194303, &number))
			return false;
		target->executor.pid = (pid_t)number;
	} else if (strcmp(key, "startTicks") == 0) {
		return parse_number(value, 1, INT64_MAX, &target->executor.start_ticks);
	} else if (strcmp(key, "kill") == 0 && value[0] != '\0' &&
		   (!is_cgroup_file(value, "cgroup.kill") ||
		    !format(target->kill_path, sizeof target->kill_path, "%s", value))) {
		target->kill_path[0] = '\0'; /* not a file to write to; the pid is still valid */
		syslog(LOG_ERR, "executor.pid: kill=%.64s is not a cgroup.kill below /sys/fs/cgroup; ignored", value);
	}
	return true;
}

bool kill_target_parse(struct kill_target *target, char *text)
{
	char *save = NULL;
	*target = (struct kill_target){0};
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char *equals = strchr(line, '=');
		if (equals == NULL)
			return false;
		*equals = '\0';
		if (!read_entry(target, line, equals + 1))
			return false;
	}
	return target->executor.pid > 1 && target->executor.start_ticks > 0 &&
	       target->executor.pid != getpid() && target->executor.pid != getppid();
}

bool kill_target_read(struct kill_target *target, int folder)
{
	char text[4096];
	return read_text(folder, "executor.pid", text, sizeof text) && kill_target_parse(target, text);
}

static bool any_alive(const struct proc_list *list, const struct proc_list *known)
{
	for (size_t at = 0; at < list->count; at++) {
		if (proc_is_alive(&list->items[at]) && !unkillable_has(known, &list->items[at]))
			return true;
	}
	return false;
}

/* Whether the cgroup contains anything worth waiting for. */
static bool is_occupied(int events, const char *kill_path, const struct proc_list *known)
{
	static struct proc_list inside;
	if (!cgroup_tree_is_populated(events))
		return false;
	if (known->count == 0)
		return true;
	inside.count = 0;
	cgroup_tree_collect(&inside, kill_path);
	return any_alive(&inside, known);
}

bool kill_target_is_occupied(const struct kill_target *target, const struct proc_list *known)
{
	int events = cgroup_tree_open_events(target->kill_path);
	if (events < 0)
		return !cgroup_tree_is_gone(errno);
	bool occupied = is_occupied(events, target->kill_path, known);
	(void)close(events);
	return occupied;
}

/* Kills by pid, which needs no lock; processes that fork meanwhile are left to the cgroup's own
 * kill. */
static void kill_each(const char *kill_path)
{
	static struct proc_list inside;
	inside.count = 0;
	cgroup_tree_collect(&inside, kill_path);
	for (size_t at = 0; at < inside.count; at++) {
		if (proc_signal(&inside.items[at], SIGKILL))
			cpu_weight_hurry(inside.items[at].pid);
	}
}

/*
 * Kills the cgroup before examining anything, and waits until it is empty. First its processes get
 * their share of the processors: one that runs at the least weight may hold a lock that the kill
 * needs. Returns KILL_NONE_LEFT also if there is no such cgroup.
 */
static enum kill_outcome kill_cgroup(const struct kill_target *target, const struct proc_list *known,
				     uint64_t deadline_ns)
{
	const char *kill_path = target->kill_path;
	cpu_weight_raise(kill_path);
	int events = cgroup_tree_open_events(kill_path);
	if (events < 0)
		return cgroup_tree_is_gone(errno) ? KILL_NONE_LEFT : KILL_LATE;
	enum kill_outcome outcome = KILL_NONE_LEFT;
	if (is_occupied(events, kill_path, known)) {
		outcome = cgroup_tree_kill(kill_path) ? KILL_DONE : KILL_LATE;
		if (outcome == KILL_DONE)
			/* one that is starting is not in it yet */
			(void)proc_signal(&target->executor, SIGKILL);
		for (int looks = 0; outcome == KILL_DONE && is_occupied(events, kill_path, known); looks++) {
			struct pollfd changed = {.fd = events, .events = POLLPRI};
			int left = ms_until(deadline_ns);
			if (left == 0)
				outcome = KILL_LATE;
			else {
				/* another executor of this machine may have lowered it */
				cpu_weight_raise(kill_path);
				if (looks % LOOKS_TO_KILL == 1)
					kill_each(kill_path);
				(void)poll(&changed, 1, left < POPULATED_POLL_MS ? left : POPULATED_POLL_MS);
			}
		}
	}
	(void)close(events);
	return outcome;
}

/* A number that is the same for the same set of processes. */
static uint64_t fingerprint(const struct proc_list *list)
{
	uint64_t sum = 0;
	for (size_t at = 0; at < list->count; at++) {
		uint64_t one = (uint64_t)list->items[at].pid ^ (list->items[at].start_ticks << 22);
		sum += one * 0x9e3779b97f4a7c15ull;
	}
	return sum;
}

/* Stops the executor and its tree, repeatedly, until a check finds nobody new: a stopped process
 * can neither start another nor leave the tree. This matters because the tree falls apart as soon
 * as the executor is dead. */
static void freeze_tree(struct proc_list *list, const struct proc *root, uint64_t deadline_ns)
{
	uint64_t before, after = 0;
	(void)proc_signal(root, SIGSTOP);
	do {
		before = after;
		proc_tree_collect(list, root->pid);
		for (size_t at = 0; at < list->count; at++)
			(void)proc_signal(&list->items[at], SIGSTOP);
		after = fingerprint(list);
	} while (after != before && clock_ns() < deadline_ns);
}

static enum kill_outcome kill_list(const struct kill_target *target, const struct proc_list *list,
				   const struct proc_list *known, uint64_t deadline_ns)
{
	const struct proc *executor = &target->executor;
	(void)proc_signal(executor, SIGKILL);
	for (size_t at = 0; at < list->count; at++) {
		if (!proc_signal(&list->items[at], SIGKILL))
			continue;
		cpu_weight_hurry(list->items[at].pid);
		if (target->kill_path[0] == '\0')
			cpu_weight_of_session(list->items[at].pid, 0);
	}
	while (proc_is_alive(executor) || any_alive(list, known)) {
		if (clock_ns() >= deadline_ns)
			return KILL_LATE;
		const struct timespec pause = {.tv_nsec = GONE_POLL_NS};
		(void)nanosleep(&pause, NULL);
	}
	return KILL_DONE;
}

/* Those in `seen` and in the cgroup that are alive and not known. */
static void find_left(const struct kill_target *target, struct proc_list *seen, const struct proc_list *known,
		      struct proc_list *left)
{
	left->count = 0;
	if (target->kill_path[0] != '\0')
		cgroup_tree_collect(seen, target->kill_path);
	for (size_t at = 0; at < seen->count; at++) {
		const struct proc *each = &seen->items[at];
		if (proc_is_alive(each) && !unkillable_has(known, each) && !unkillable_has(left, each))
			(void)proc_list_add(left, each->pid, each->start_ticks);
	}
}

/* Something that was there at the deadline may be gone an instant later, when it is counted. */
static bool is_seen_empty(const struct kill_target *target)
{
	if (target->kill_path[0] == '\0')
		return true;
	int events = cgroup_tree_open_events(target->kill_path);
	if (events < 0)
		return cgroup_tree_is_gone(errno);
	bool populated = cgroup_tree_is_populated(events);
	(void)close(events);
	return !populated;
}

enum kill_outcome kill_target_end(const struct kill_target *target, const struct proc_list *known,
				  struct proc_list *left, uint64_t deadline_ns)
{
	static struct proc_list list;
	enum kill_outcome by_cgroup = KILL_NONE_LEFT, by_pid = KILL_NONE_LEFT;
	list.count = 0;
	if (target->kill_path[0] != '\0')
		by_cgroup = kill_cgroup(target, known, deadline_ns);
	/* Without a cgroup, or if it is gone. */
	if (proc_is_alive(&target->executor)) {
		uint64_t now = clock_ns();
		freeze_tree(&list, &target->executor, deadline_ns > now ? now + (deadline_ns - now) / 2 : now);
		by_pid = kill_list(target, &list, known, deadline_ns);
	}
	enum kill_outcome outcome = by_cgroup > by_pid ? by_cgroup : by_pid;
	if (outcome != KILL_LATE)
		return outcome;
	find_left(target, &list, known, left);
	return left->count == 0 && is_seen_empty(target) ? KILL_DONE : KILL_LATE;
}
