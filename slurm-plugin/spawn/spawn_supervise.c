/* Supervises one attempt, in a process of its own: from its request to its report. */
#include "spawn_supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "proc_tree.h"
#include "spawn_last_line.h"
#include "spawn_signal.h"
#include "spawn_start.h"
#include "spawn_temporary.h"
#include "spawn_tree.h"
#include "util.h"

#define SUPERVISOR_NICE 5
#define LIMITS_POLL_MS 200

struct supervisor {
	const struct task *task;
	struct spawn_start start;
	struct spawn_tree tree;
	struct failure failure;
	struct last_line last_line;
	bool orphaned;
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
	else if (is_server && self->start.status < 0)
		spawn_signal_send(&self->tree, info->ssi_int);
	return true;
}

static void on_signal(struct supervisor *self)
{
	struct signalfd_siginfo info;
	while (read(self->task->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD || on_request(self, &info))
			continue;
		if (getppid() != self->task->server)
			on_orphaned(self);
		else
			condemn(self);
	}
}

static void on_joining(struct supervisor *self)
{
	spawn_start_on_joining(&self->start, &self->tree, &self->failure);
	if (self->start.state == START_REFUSED)
		condemn(self);
	/* One that was not heard may be started again, and would inherit it. */
	if (self->start.state != START_UNHEARD)
		step_back(self->tree.request);
}

static void on_status(struct supervisor *self)
{
	spawn_start_on_status(&self->start, &self->last_line, &self->failure);
	if (self->start.state != START_DONE)
		return;
	hold_namespace(self->tree.main);
	report_started(self->task->id, self->tree.main, self->start.start_ticks, self->start.forked_ns);
}

static int check_start(struct supervisor *self)
{
	int left = spawn_start_check(&self->start, self->tree.request, &self->failure);
	if (self->start.state == START_LATE)
		condemn(self);
	return left;
}

/* Waits until somebody says something, at most for `timeout` ms, and does what follows. */
static void listen_for(struct supervisor *self, int timeout)
{
	/* While it may be stillborn, the end of its status does not tell of an exec. */
	int status = self->start.state == START_UNHEARD ? -1 : self->start.status;
	struct pollfd watched[] = {
		{.fd = self->start.joining, .events = POLLIN},
		{.fd = status, .events = POLLIN},
		{.fd = self->task->signals, .events = POLLIN},
	};
	if (poll(watched, sizeof watched / sizeof *watched, timeout) <= 0)
		return;
	if (watched[0].revents != 0)
		on_joining(self);
	if (watched[1].revents != 0)
		on_status(self);
	if (watched[2].revents != 0)
		on_signal(self);
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
		listen_for(self, timeout);
	}
	/* It ended before we checked; nobody holds the other ends any more. */
	if (self->start.joining >= 0)
		on_joining(self);
	if (spawn_start_was_stillborn(&self->start, &self->tree) && !self->condemned)
		return false;
	while (self->start.status >= 0)
		on_status(self);
	return true;
}

/* False if no process could be made. */
static bool start_again(struct supervisor *self, struct spawn_request *request)
{
	(void)close(self->start.status);
	if (!spawn_start_fork(&self->start, request, false, &self->tree, &self->failure))
		return false;
	if (self->last_line.why != NULL)
		spawn_tree_terminate(&self->tree);
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
			  spawn_start_fork(&self.start, &request, true, &self.tree, &self.failure);
	if (is_started && !supervise(&self))
		is_started = start_again(&self, &request) && supervise(&self);
	bool has_run = is_started && !spawn_start_has_failed(&self.start);
	if (!has_run)
		report_failed(task->id, &self.failure);
	else if (!self.orphaned)
		report_ended(task->id, &self.tree.ending);
	if (has_run && !self.orphaned)
		spawn_last_line_write(&self.last_line, &request, task);
	spawn_temporary_remove(&request, task);
	_exit(0);
}
