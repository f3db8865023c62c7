/* The start of one command, as its supervisor sees it: from its birth until its program runs, or to
 * the reason why it does not. */
#ifndef GLEAN_SPAWN_START_H
#define GLEAN_SPAWN_START_H

#include "spawn_last_line.h"
#include "spawn_tree.h"

enum start_state {
	START_UNHEARD, /* it has not said which cgroups it entered: it may be stillborn */
	START_PLACED,  /* it is in its cgroups and goes on to its exec */
	START_REFUSED, /* a cgroup refused it, and it must not live on */
	START_LATE,    /* its time is over, and it must not live on */
	START_FAILED,
	START_DONE, /* its program runs, or it was killed before that */
};

struct spawn_start {
	enum start_state state;
	bool is_inside; /* it was born in its cgroup */
	int joining;	/* it says there which cgroups it entered; -1 once it has */
	int status;	/* it says there why it failed; -1 once it is known how the start ended */
	uint64_t forked_ns;
	uint64_t start_ticks;
};

/* Forks the command, which begins with its part of the start. False, with the failure, if no
 * process can be made. */
bool spawn_start_fork(struct spawn_start *start, struct spawn_request *request, bool may_be_inside,
		      struct spawn_tree *tree, struct failure *failure);

/* Called when `joining` can be read. Moves the command into the cgroups that it has not entered by
 * itself, unless it is being killed. */
void spawn_start_on_joining(struct spawn_start *start, const struct spawn_tree *tree, struct failure *failure);

/* Called when `status` can be read, and after the command's end while `status` is open. */
void spawn_start_on_status(struct spawn_start *start, struct last_line *line, struct failure *failure);

/* The milliseconds left for the start; -1 if it has no limit, or is over. At 0 it is late. */
int spawn_start_check(struct spawn_start *start, const struct spawn_request *request, struct failure *failure);

/* Whether the kernel killed the command, which has ended, at its birth: kernels since 6.14, and
 * others with their fixes, do so in a cgroup that was ever killed. The caller knows whether
 * somebody else did. */
bool spawn_start_was_stillborn(const struct spawn_start *start, const struct spawn_tree *tree);

/* Whether `failure` says why the command did not start. */
bool spawn_start_has_failed(const struct spawn_start *start);

#endif
