/* Supervises one attempt, in a process of its own: from its request to its report. */
#include "spawn_supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "proc_tree.h"
#include "spawn_child.h"
#include "spawn_join.h"
#include "spawn_last_line.h"
#include "spawn_signal.h"
#include "spawn_temporary.h"
#include "spawn_tree.h"
#include "util.h"

#define SUPERVISOR_NICE 5
#define LIMITS_POLL_MS 200
/* the command itself reports what it waited for, unless it hangs in the kernel */
#define START_MARGIN_MS 1000

enum { ON_JOINING, ON_STATUS, ON_SIGNAL, ON_COUNT };

struct supervisor {
	const struct task *task;
	struct pollfd watched[ON_COUNT]; /* fd -1: no longer watched */
	struct spawn_tree tree;
	uint64_t start_ticks, forked_ns;
	struct failure failure;
	struct last_line last_line;
	bool failed, refused, late, orphaned;
	int status;	/* of the start; -1 once that is over */
	bool is_inside; /* the command was born in its cgroup */
	bool was_heard; /* it has said which cgroups it entered: from then on its status is watched */
	bool condemned; /* it shall not live on */
};

/* The kernel tells us when the server is gone. False if it is gone already. */
static bool tie_to_server(const struct task *task)
{
	return prctl(PR_SET_PDEATHSIG, SIGNAL_ORPHANED) == 0 && getppid() == task->server;
}

/* Gives itself a lower priority than what it supervises: when many are killed at once, their dying
 * matters and bookkeeping waits. */
static void step_back(const struct spawn_request *request)
{
	(void)setpriority(PRIO_PROCESS, 0, SUPERVISOR_NICE);
	if (!request->shared_session)
		cpu_weight_of_session(getpid(), SUPERVISOR_NICE);
}

static bool set_up(struct supervisor *self, const struct spawn_request *request)
{
	if ((request->shared_session || setsid() >= 0) && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
		return true;
	return fail(&self->failure, STAGE_START, errno, "the supervisor cannot be set up: %s", strerror(errno));
}

static bool start(struct supervisor *self, struct spawn_request *request, bool may_be_inside)
{
	/* The socket keeps their descriptors above the script's. */
	int status[2], joining[2];
	struct spawn_birth birth = {.supervisor = getpid()};
	struct proc_info info;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, joining) != 0)
		return fail(&self->failure, STAGE_START, errno, "the supervisor cannot be set up: %s", strerror(errno));
	self->forked_ns = clock_ns();
	pid_t pid = may_be_inside ? spawn_join_fork(request, &birth.is_inside) : fork();
	if (pid < 0)
		return fail(&self->failure, STAGE_START, errno, "cannot create a process: %s", strerror(errno));
	if (pid == 0) {
		(void)close(joining[0]);
		birth.status = status[1];
		birth.joining = joining[1];
		spawn_child_run(request, &birth);
	}
	(void)close(status[1]);
	(void)close(joining[1]);
	self->status = status[0];
	self->is_inside = birth.is_inside;
	spawn_tree_init(&self->tree, request, pid);
	if (proc_read(pid, &info)) /* not reaped yet, so it exists even if it has ended */
		self->start_ticks = info.start_ticks;
	self->watched[ON_JOINING] = (struct pollfd){.fd = joining[0], .events = POLLIN};
	self->watched[ON_STATUS] = (struct pollfd){.fd = -1, .events = POLLIN};
	self->watched[ON_SIGNAL] = (struct pollfd){.fd = self->task->signals, .events = POLLIN};
	return true;
}

/* Kernels since 6.14, and others with their fixes, kill what is born in a cgroup that was ever
 * killed. Who means this command tells us, too. */
static bool is_stillborn(const struct supervisor *self)
{
	int status = self->tree.ending.status;
	return self->is_inside && !self->was_heard && !self->condemned && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void condemn(struct supervisor *self)
{
	self->condemned = self->tree.killing = true;
}

/*
 * A mount namespace is torn down by the last process that leaves it, and the kernel does this for
 * one namespace after another. If we hold it, it does not delay the end of the command's processes
 * when a node is cleared; it ends when we do, right after.
 */
static void hold_namespace(pid_t pid)
{
	char path[64];
	if (format(path, sizeof path, "/proc/%d/ns/mnt", (int)pid))
		/* left open until our exit; if it fails, dying takes longer */
		(void)open(path, O_RDONLY | O_CLOEXEC);
}

/* The executor is gone, so nobody else kills the tree, and nobody hears its end. */
static void on_orphaned(struct supervisor *self)
{
	if (!self->tree.killing && self->tree.request->kill_path != NULL)
		cpu_weight_raise(self->tree.request->kill_path);
	self->orphaned = true;
	condemn(self);
}

static void terminate(struct supervisor *self, const char *why)
{
	if (!self->tree.main_ended) {
		self->last_line.at = time(NULL);
		self->last_line.why = why;
	}
	spawn_tree_terminate(&self->tree);
}

/* What the executor asks for, through the server. False if the signal means something else. */
static bool on_request(struct supervisor *self, const struct signalfd_siginfo *info)
{
	uint32_t signal = info->ssi_signo;
	bool is_server = info->ssi_pid == (uint32_t)self->task->server;
	const char *why = signal == SIGNAL_TERMINATE    ? ""
			  : signal == SIGNAL_TIME_LIMIT ? " DUE TO TIME LIMIT"
			  : signal == SIGNAL_REQUEUE    ? " DUE TO JOB REQUEUE"
							: NULL;
	if (why == NULL && signal != SIGNAL_NOTICE && signal != (uint32_t)SIGNAL_PASS_ON)
		return false;
	if (is_server && why != NULL)
		terminate(self, why);
	else if (is_server && signal == SIGNAL_NOTICE)
		spawn_tree_notice(&self->tree);
	/* Before the exec the command is still a part of us, which no user may signal. */
	else if (is_server && self->status < 0)
		spawn_signal_send(&self->tree, info->ssi_int);
	return true;
}

static void on_signal(struct supervisor *self)
{
	struct signalfd_siginfo info;
	while (read(self->watched[ON_SIGNAL].fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD || on_request(self, &info))
			continue;
		if (getppid() != self->task->server)
			on_orphaned(self);
		else
			condemn(self);
	}
}

/* Moves the command into the cgroups that it has not entered by itself; if they refuse it, it ends.
 * One that is being killed stays where it is. */
static void on_joining(struct supervisor *self)
{
	const struct spawn_request *request = self->tree.request;
	int joining = self->watched[ON_JOINING].fd;
	uint8_t count;
	/* Left open until our exit: one that waits and is being killed must not report its end. */
	self->watched[ON_JOINING].fd = -1;
	self->was_heard = read(joining, &count, 1) == 1;
	if (self->was_heard)
		self->watched[ON_STATUS].fd = self->status;
	if (self->was_heard && count < request->join_count && !self->tree.killing) {
		if (spawn_join_rest(request, count, self->tree.main, &self->failure)) {
			ssize_t written = write(joining, "", 1);
			(void)written; /* refused if it is gone, which its status shows */
		} else {
			self->refused = true;
			condemn(self);
		}
	}
	/* One that was not heard may be started again, and would inherit it. */
	if (self->was_heard)
		step_back(request);
}

/* If the status socket closes without a failure, the exec succeeded (or the child was killed before
 * it). Otherwise it brings the failure. */
static void on_status(struct supervisor *self)
{
	ssize_t got;
	if (spawn_last_line_take(&self->last_line, self->status, &self->failure, sizeof self->failure, &got))
		return;
	(void)close(self->status);
	self->status = self->watched[ON_STATUS].fd = -1;
	self->failed = got != 0 || self->late || self->refused;
	if (self->refused)
		return; /* the failure is known */
	if (self->late) {
		(void)fail(&self->failure, STAGE_START, ETIMEDOUT, "the command did not start within %llu ms",
			   (unsigned long long)self->tree.request->start_ms);
	} else if (got == 0) {
		hold_namespace(self->tree.main);
		report_started(self->task->id, self->tree.main, self->start_ticks, self->forked_ns);
	} else if (got != (ssize_t)sizeof self->failure || self->failure.stage >= STAGE_COUNT)
		(void)fail(&self->failure, STAGE_START, EIO, "the command's start was cut off");
}

/* The milliseconds left for the start; -1 if it has no limit, or is over. */
static int check_start(struct supervisor *self)
{
	uint64_t start_ms = self->tree.request->start_ms;
	if (start_ms == 0 || self->status < 0)
		return -1;
	int left = ms_until(self->forked_ns + (start_ms + START_MARGIN_MS) * NS_PER_MS);
	if (left == 0) {
		self->late = true;
		condemn(self);
	}
	return left;
}

/* False if no process could be made. */
static bool start_again(struct supervisor *self, struct spawn_request *request)
{
	(void)close(self->status);
	if (!start(self, request, false))
		return false;
	if (self->last_line.why != NULL)
		spawn_tree_terminate(&self->tree);
	return true;
}

/* Until no process of the tree is left. False if it must be started again. */
static bool supervise(struct supervisor *self)
{
	uint64_t next_look = clock_ns() + LIMITS_POLL_MS * NS_PER_MS;
	while (!spawn_tree_reap(&self->tree)) {
		int timeout = self->tree.killing ? 0 : check_start(self);
		if (self->tree.killing) {
			timeout = spawn_tree_kill(&self->tree);
		} else if (spawn_tree_has_limits(&self->tree)) {
			if (clock_ns() >= next_look) {
				spawn_tree_check_limits(&self->tree);
				next_look = clock_ns() + LIMITS_POLL_MS * NS_PER_MS;
			}
			timeout = self->tree.killing ? 0 : ms_until(next_look);
		}
		if (poll(self->watched, ON_COUNT, timeout) <= 0)
			continue;
		if (self->watched[ON_JOINING].revents != 0)
			on_joining(self);
		if (self->watched[ON_STATUS].revents != 0)
			on_status(self);
		if (self->watched[ON_SIGNAL].revents != 0)
			on_signal(self);
	}
	/* It ended before we checked; nobody holds the other ends any more. */
	if (self->watched[ON_JOINING].fd >= 0)
		on_joining(self);
	if (is_stillborn(self))
		return false;
	while (self->status >= 0)
		on_status(self);
	return true;
}

void spawn_supervise(const struct task *task)
{
	static struct spawn_request request;
	static struct supervisor self;
	self.task = task;
	self.last_line.errors = -1;
	if (!tie_to_server(task))
		_exit(0);
	if (!spawn_request_parse(&request, task->request, task->length, &self.failure)) {
		report_failed(task->id, &self.failure);
		_exit(0);
	}
	bool is_started = spawn_temporary_make(&request, &self.failure) && set_up(&self, &request) &&
			  start(&self, &request, true);
	if (is_started && !supervise(&self))
		is_started = start_again(&self, &request) && supervise(&self);
	if (!is_started || self.failed)
		report_failed(task->id, &self.failure);
	else if (!self.orphaned)
		report_ended(task->id, &self.tree.ending);
	if (is_started && !self.failed && !self.orphaned)
		spawn_last_line_write(&self.last_line, &request, task);
	spawn_temporary_remove(&request, task);
	_exit(0);
}
