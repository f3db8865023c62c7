#include "spawn_start.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_tree.h"
#include "spawn_child.h"
#include "spawn_join.h"
#include "util.h"

/* the command itself reports what it waited for, unless it hangs in the kernel */
#define START_MARGIN_MS 1000

bool spawn_start_fork(struct spawn_start *start, struct spawn_request *request, bool may_be_inside,
		      struct spawn_tree *tree, struct failure *failure)
{
	/* The socket keeps their descriptors above the script's. */
	int status[2], joining[2];
	struct spawn_birth birth = {.supervisor = getpid()};
	struct proc_info info;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, joining) != 0)
		return fail(failure, STAGE_START, errno, "the supervisor cannot be set up: %s", strerror(errno));
	*start = (struct spawn_start){.joining = -1, .status = -1, .forked_ns = clock_ns()};
	pid_t pid = may_be_inside ? spawn_join_fork(request, &birth.is_inside) : fork();
	if (pid < 0)
		return fail(failure, STAGE_START, errno, "cannot create a process: %s", strerror(errno));
	if (pid == 0) {
		(void)close(joining[0]);
		birth.status = status[1];
		birth.joining = joining[1];
		spawn_child_run(request, &birth);
	}
	(void)close(status[1]);
	(void)close(joining[1]);
	start->status = status[0];
	start->joining = joining[0];
	start->is_inside = birth.is_inside;
	spawn_tree_init(tree, request, pid);
	if (proc_read(pid, &info)) /* not reaped yet, so it exists even if it has ended */
		start->start_ticks = info.start_ticks;
	return true;
}

void spawn_start_on_joining(struct spawn_start *start, const struct spawn_tree *tree, struct failure *failure)
{
	const struct spawn_request *request = tree->request;
	int joining = start->joining;
	uint8_t count;
	/* Left open until our exit: one that waits and is being killed must not report its end. */
	start->joining = -1;
	if (read(joining, &count, 1) != 1)
		return;
	if (start->state == START_UNHEARD)
		start->state = START_PLACED;
	/* The pid of one that was reaped may be another process's by now. */
	if (count >= request->join_count || tree->killing || tree->main_ended)
		return;
	if (spawn_join_rest(request, count, tree->main, failure)) {
		ssize_t written = write(joining, "", 1);
		(void)written; /* refused if it is gone, which its status shows */
	} else {
		start->state = START_REFUSED;
	}
}

void spawn_start_on_status(struct spawn_start *start, struct last_line *line, struct failure *failure)
{
	struct failure said;
	ssize_t got;
	if (spawn_last_line_take(line, start->status, &said, sizeof said, &got))
		return;
	(void)close(start->status);
	start->status = -1;
	if (spawn_start_has_failed(start))
		return; /* why is known */
	/* The socket closes at the exec, or when the command is killed before it. */
	start->state = got == 0 ? START_DONE : START_FAILED;
	if (got == (ssize_t)sizeof said && said.stage < STAGE_COUNT)
		*failure = said;
	else if (got != 0)
		(void)fail(failure, STAGE_START, EIO, "the command's start was cut off");
}

int spawn_start_check(struct spawn_start *start, const struct spawn_request *request, struct failure *failure)
{
	if (request->start_ms == 0 || start->status < 0)
		return -1;
	int left = ms_until(start->forked_ns + (request->start_ms + START_MARGIN_MS) * NS_PER_MS);
	if (left == 0) {
		start->state = START_LATE;
		(void)fail(failure, STAGE_START, ETIMEDOUT, "the command did not start within %llu ms",
			   (unsigned long long)request->start_ms);
	}
	return left;
}

bool spawn_start_was_stillborn(const struct spawn_start *start, const struct spawn_tree *tree)
{
	int status = tree->ending.status;
	return start->state == START_UNHEARD && start->is_inside && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

bool spawn_start_has_failed(const struct spawn_start *start)
{
	return start->state == START_REFUSED || start->state == START_LATE || start->state == START_FAILED;
}
