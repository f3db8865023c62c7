/* glean-spawn: starts one command as a user, supervises it and everything that it starts, and
 * reports its end.
 *
 * Descriptor 3 brings the request (framing in spawn_request.h), 4 the control bytes `T` (SIGTERM),
 * `N` (the signal that the command requested) and `K` (SIGKILL to the whole tree; its end of file
 * means the same, because then the executor is gone), 5 takes the report lines:
 *   started <pid> <startTicks> <monotonicNs>
 *   ended <exitCode> <signal> <monotonicNs> <userMs> <systemMs> <maxRssKb> <oomKills>
 *   <tooManyProcesses>
 *   failed <stage> <errno> <message>
 * PROTOCOL.md specifies each precisely. The program exits with 0 after its last line. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "proc_tree.h"
#include "spawn_child.h"
#include "spawn_describe.h"
#include "spawn_join.h"
#include "spawn_tree.h"
#include "util.h"

#define REQUEST_FD 3
#define CONTROL_FD 4
#define REPORT_FD 5
#define STATUS_FD_MIN 10 /* not the script's descriptor */
#define SUPERVISOR_NICE 5
#define LIMITS_POLL_MS 200
/* the command itself reports what it waited for, unless it hangs in the kernel */
#define START_MARGIN_MS 1000

enum { ON_SIGNAL, ON_CONTROL, ON_STATUS, ON_COUNT };

struct supervisor {
	struct pollfd watched[ON_COUNT]; /* fd -1: no longer watched */
	struct spawn_tree tree;
	uint64_t start_ticks, forked_ns;
	struct failure failure;
	bool failed, late;
};

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Keeps files of ours from getting the number of a standard descriptor. */
static bool fill_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!is_open(fd) && open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

static int open_signals(void)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	/* SIGCHLD must not be ignored, as our parent may have left it: then no child could be
	 * waited for. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A pipe that closes at exec; both ends get high numbers. */
static bool open_pipe(int ends[2])
{
	int low[2];
	if (pipe2(low, O_CLOEXEC) != 0)
		return false;
	ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, STATUS_FD_MIN);
	ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, STATUS_FD_MIN);
	(void)close(low[0]);
	(void)close(low[1]);
	return ends[0] >= 0 && ends[1] >= 0;
}

/* Gives itself a lower priority than what it supervises: when many are killed at once, their dying
 * matters and bookkeeping waits. */
static void step_back(const struct spawn_request *request)
{
	(void)setpriority(PRIO_PROCESS, 0, SUPERVISOR_NICE);
	if (!request->shared_session)
		cpu_weight_of_session(getpid(), SUPERVISOR_NICE);
}

/* Lets the command continue in its cgroups; if they refuse it, it ends here. */
static bool release(const struct spawn_request *request, pid_t pid, int joined, struct failure *failure)
{
	bool is_in = spawn_join(request, pid, failure);
	if (is_in && write(joined, "", 1) != 1)
		is_in = fail(failure, STAGE_START, errno, "the command cannot be released: %s", strerror(errno));
	(void)close(joined);
	if (is_in)
		return true;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return false;
}

static bool start(struct supervisor *self, const struct spawn_request *request)
{
	int status[2], joined[2];
	pid_t own = getpid();
	struct proc_info info;
	int signals = open_signals();
	if (signals < 0 || chdir("/") != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 ||
	    !open_pipe(status) || !open_pipe(joined))
		return fail(&self->failure, STAGE_START, errno, "the supervisor cannot be set up: %s",
			    strerror(errno));
	self->forked_ns = clock_ns();
	pid_t pid = fork();
	if (pid < 0)
		return fail(&self->failure, STAGE_START, errno, "cannot create a process: %s", strerror(errno));
	if (pid == 0) {
		(void)close(joined[1]);
		spawn_child_run(request, own, status[1], joined[0]);
	}
	(void)close(status[1]);
	(void)close(joined[0]);
	if (!release(request, pid, joined[1], &self->failure))
		return false;
	step_back(request);
	/* A command of our own user (a pilot's) must not read or control us; the child keeps its
	 * setting until its exec. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	spawn_tree_init(&self->tree, request, pid);
	if (proc_read(pid, &info)) /* not reaped yet, so it exists even if it has ended */
		self->start_ticks = info.start_ticks;
	self->watched[ON_SIGNAL] = (struct pollfd){.fd = signals, .events = POLLIN};
	self->watched[ON_CONTROL] = (struct pollfd){.fd = CONTROL_FD, .events = POLLIN};
	self->watched[ON_STATUS] = (struct pollfd){.fd = status[0], .events = POLLIN};
	return true;
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

static void on_signal(struct supervisor *self)
{
	struct signalfd_siginfo info;
	while (read(self->watched[ON_SIGNAL].fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo != SIGCHLD)
			self->tree.killing = true;
	}
}

static void on_control(struct supervisor *self)
{
	char bytes[64];
	ssize_t got = read(CONTROL_FD, bytes, sizeof bytes);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) { /* the executor is gone, so nobody else does it */
		if (!self->tree.killing && self->tree.request->kill_path != NULL)
			cpu_weight_raise(self->tree.request->kill_path);
		self->tree.killing = true;
		self->watched[ON_CONTROL].fd = -1;
		return;
	}
	for (ssize_t at = 0; at < got; at++) {
		if (bytes[at] == 'K')
			self->tree.killing = true;
		else if (bytes[at] == 'T')
			spawn_tree_terminate(&self->tree);
		else if (bytes[at] == 'N')
			spawn_tree_notice(&self->tree);
	}
}

/* If the status pipe closes without data, the exec succeeded (or the child was killed before it).
 * Otherwise it brings the failure. */
static void on_status(struct supervisor *self)
{
	ssize_t got;
	do
		got = read(self->watched[ON_STATUS].fd, &self->failure, sizeof self->failure);
	while (got < 0 && errno == EINTR);
	(void)close(self->watched[ON_STATUS].fd);
	self->watched[ON_STATUS].fd = -1;
	self->failed = got != 0 || self->late;
	if (self->late) {
		(void)fail(&self->failure, STAGE_START, ETIMEDOUT, "the command did not start within %llu ms",
			   (unsigned long long)self->tree.request->start_ms);
	} else if (got == 0) {
		hold_namespace(self->tree.main);
		report_started(REPORT_FD, self->tree.main, self->start_ticks, self->forked_ns);
	} else if (got != (ssize_t)sizeof self->failure || self->failure.stage >= STAGE_COUNT)
		(void)fail(&self->failure, STAGE_START, EIO, "the command's start was cut off");
}

/* The milliseconds left for the start; -1 if it has no limit, or is over. */
static int check_start(struct supervisor *self)
{
	uint64_t start_ms = self->tree.request->start_ms;
	if (start_ms == 0 || self->watched[ON_STATUS].fd < 0)
		return -1;
	int left = ms_until(self->forked_ns + (start_ms + START_MARGIN_MS) * NS_PER_MS);
	if (left == 0)
		self->late = self->tree.killing = true;
	return left;
}

static void supervise(struct supervisor *self)
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
		if (self->watched[ON_STATUS].revents != 0)
			on_status(self);
		if (self->watched[ON_CONTROL].revents != 0)
			on_control(self);
		if (self->watched[ON_SIGNAL].revents != 0)
			on_signal(self);
	}
	if (self->watched[ON_STATUS].fd >= 0)
		/* it ended before we checked; nobody holds the other end any more */
		on_status(self);
}

int main(int argc, char **argv)
{
	static struct spawn_request request;
	static struct supervisor self;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("glean-spawn %s\n", GLEAN_VERSION) < 0 ? 1 : 0;
	if (argc == 3 && strcmp(argv[1], "--describe") == 0)
		return spawn_describe(argv[2]);
	if (argc != 1 || !is_open(REQUEST_FD) || !is_open(CONTROL_FD) || !is_open(REPORT_FD) ||
	    !fill_standard_fds()) {
		(void)fprintf(stderr, "glean-spawn: glean-executor starts it, with descriptors 3, 4 and 5 and no "
				      "arguments.\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (!spawn_request_read(&request, REQUEST_FD, &self.failure) || !start(&self, &request)) {
		report_failed(REPORT_FD, &self.failure);
		return 0;
	}
	(void)close(REQUEST_FD);
	supervise(&self);
	if (self.failed)
		report_failed(REPORT_FD, &self.failure);
	else
		report_ended(REPORT_FD, &self.tree.ending);
	return 0;
}
