/* Serves one executor: forks a supervisor for each of its requests, or what lets a user read code,
 * and passes control messages on.
 *
 * It parses no request, waits for nothing but its socket and its children, and holds nothing that
 * grows except one entry for each attempt. */
#include "spawn_serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "spawn_admit.h"
#include "spawn_exec.h"
#include "spawn_frame.h"
#include "spawn_names.h"
#include "spawn_report.h"
#include "spawn_request.h"
#include "spawn_signal.h"
#include "spawn_supervise.h"

#define ATTEMPTS_MAX 8192
#define STATUS_BROKEN 3
/* As waitpid(2) has it: exit status 1. */
#define STATUS_REFUSED (1 << 8)
/* Lines that may wait while the executor is busy: some thousands. */
#define WAITING_BYTES (4 << 20)
/* What remains mapped of the buffer after a large request: each fork copies its page table. */
#define BUFFER_KEPT (64u << 10)
/* As for the executor itself: it may have to pass on that something must be killed. */
#define SERVER_NICE (-10)

static uint8_t buffer[FRAME_HEAD + REQUEST_MAX] __attribute__((aligned(4096))); /* untouched pages cost nothing */

struct server {
	size_t used; /* of the buffer */
	uint32_t skipped; /* bytes of a request that was refused, still to come */
	int signals;
	size_t count;
	struct attempt {
		uint32_t id;
		pid_t supervisor;
	} attempts[ATTEMPTS_MAX];
};

static int open_signals(void)
{
	static const int handled[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGNAL_TERMINATE, SIGNAL_TIME_LIMIT, SIGNAL_REQUEUE, SIGNAL_NOTICE};
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGNAL_PASS_ON);
	for (size_t at = 0; at < sizeof handled / sizeof handled[0]; at++)
		(void)sigaddset(&set, handled[at]);
	/* No command may inherit what our parent ignores, and without SIGCHLD no child could be
	 * waited for. */
	spawn_exec_default_signals();
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	/* Supervisors use it, too: it shows each process its own signals. */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct attempt *find(struct server *self, uint32_t id)
{
	for (size_t at = 0; at < self->count; at++) {
		if (self->attempts[at].id == id)
			return &self->attempts[at];
	}
	return NULL;
}

/* Whoever waits for an admission hears its status only. */
static void refuse(const struct frame *frame, const struct failure *failure)
{
	const bool is_admission = frame->kind == FRAME_ADMIT;
	if (!is_admission)
		report_failed(frame->id, failure);
	report_gone(frame->id, is_admission ? STATUS_REFUSED : 0);
}

static void begin(struct server *self, const struct frame *frame)
{
	struct failure failure = {0};
	const struct task task = {
	    .id = frame->id,
	    .request = frame->body,
	    .length = frame->length,
	    .server = getpid(),
	    .signals = self->signals,
	};
	if (find(self, frame->id) != NULL)
		return; /* a report would be taken for one of the attempt that runs */
	if (self->count == ATTEMPTS_MAX) {
		(void)fail(&failure, STAGE_START, EAGAIN, "%d attempts run already", ATTEMPTS_MAX);
		refuse(frame, &failure);
		return;
	}
	pid_t pid = fork();
	if (pid == 0 && frame->kind == FRAME_ADMIT)
		spawn_admit(spawn_frame_u32(frame->body), frame->body + sizeof(uint32_t), frame->length - sizeof(uint32_t));
	if (pid == 0)
		spawn_supervise(&task);
	if (pid > 0) {
		self->attempts[self->count++] = (struct attempt){.id = frame->id, .supervisor = pid};
	} else {
		(void)fail(&failure, STAGE_START, errno, "cannot create a process: %s", strerror(errno));
		refuse(frame, &failure);
	}
}

/* The pid is still the supervisor's: only we reap it. False if the frame is malformed. */
static bool pass_on(struct server *self, const struct frame *frame)
{
	const struct attempt *attempt = find(self, frame->id);
	int packed = frame->kind == FRAME_SIGNAL ? spawn_signal_pack(frame->body) : 0;
	if (frame->kind == FRAME_SIGNAL && packed == 0)
		return false;
	if (attempt == NULL)
		return true; /* it has just ended */
	if (packed != 0) {
		/* queued: another one that waits must not swallow it */
		(void)sigqueue(attempt->supervisor, SIGNAL_PASS_ON, (union sigval){.sival_int = packed});
		return true;
	}
	static const int signals[] = {
	    [FRAME_TERMINATE] = SIGNAL_TERMINATE,
	    [FRAME_TIME_LIMIT] = SIGNAL_TIME_LIMIT,
	    [FRAME_REQUEUE] = SIGNAL_REQUEUE,
	    [FRAME_NOTICE] = SIGNAL_NOTICE,
	    [FRAME_KILL] = SIGNAL_KILL,
	};
	(void)kill(attempt->supervisor, signals[frame->kind]);
	return true;
}

static void skip(struct server *self, size_t *at)
{
	size_t here = self->used - *at < self->skipped ? self->used - *at : self->skipped;
	self->skipped -= (uint32_t)here;
	*at += here;
}

/* Handles all frames that are complete. False if the next one is not a frame. */
static bool handle_frames(struct server *self)
{
	struct frame frame;
	struct failure failure = {0};
	size_t at = 0;
	enum frame_state state;
	skip(self, &at);
	while ((state = spawn_frame_read(buffer + at, self->used - at, &frame)) != FRAME_CUT) {
		if (state == FRAME_BROKEN)
			return false;
		at += FRAME_HEAD;
		if (state == FRAME_TOO_LONG) {
			(void)fail(&failure, STAGE_REQUEST, E2BIG, "the request has %u bytes, at most %u are allowed",
				   frame.length, REQUEST_MAX);
			refuse(&frame, &failure);
			self->skipped = frame.length;
			skip(self, &at);
			continue;
		}
		at += frame.length;
		if (frame.kind == FRAME_REQUEST || frame.kind == FRAME_ADMIT)
			begin(self, &frame);
		else if (!pass_on(self, &frame))
			return false;
	}
	memmove(buffer, buffer + at, self->used - at);
	if (self->used > BUFFER_KEPT && self->used - at <= BUFFER_KEPT)
		/* Whole pages: what lies behind the buffer in its last one would be zeroed, too. */
		(void)madvise(buffer + BUFFER_KEPT, (sizeof buffer - BUFFER_KEPT) / BUFFER_KEPT * BUFFER_KEPT,
			      MADV_DONTNEED);
	self->used -= at;
	return true;
}

static void reap(struct server *self)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		size_t at = 0;
		while (at < self->count && self->attempts[at].supervisor != pid)
			at++;
		if (at == self->count)
			continue;
		report_gone(self->attempts[at].id, status);
		self->attempts[at] = self->attempts[--self->count];
	}
}

/* False if one of them ends us. */
static bool handle_signals(struct server *self)
{
	struct signalfd_siginfo info;
	while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGHUP)
			return false;
	}
	reap(self);
	return true;
}

/* A command of our own user (a pilot's) must not read or control us. The executor's precedence
 * comes with its nice value, except in a session of its own. */
static void set_up(void)
{
	const int waiting = WAITING_BYTES;
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (getsid(0) == getpid())
		cpu_weight_of_session(getpid(), SERVER_NICE);
	if (setsockopt(SPAWN_SOCKET_FD, SOL_SOCKET, SO_SNDBUFFORCE, &waiting, sizeof waiting) != 0)
		/* not root: as much as the system allows */
		(void)setsockopt(SPAWN_SOCKET_FD, SOL_SOCKET, SO_SNDBUF, &waiting, sizeof waiting);
	if (geteuid() == 0) /* others become nobody */
		spawn_names_load();
}

int spawn_serve(void)
{
	static struct server self;
	self.signals = open_signals();
	if (self.signals < 0 || chdir("/") != 0)
		return 1;
	set_up();
	struct pollfd watched[] = {
	    {.fd = SPAWN_SOCKET_FD, .events = POLLIN},
	    {.fd = self.signals, .events = POLLIN},
	};
	for (;;) {
		if (poll(watched, sizeof watched / sizeof watched[0], -1) < 0 && errno != EINTR)
			return 1;
		if (watched[1].revents != 0 && !handle_signals(&self))
			return 0;
		if (watched[0].revents == 0)
			continue;
		ssize_t got = read(SPAWN_SOCKET_FD, buffer + self.used, sizeof buffer - self.used);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return 0; /* the executor is gone */
		self.used += (size_t)got;
		if (!handle_frames(&self))
			return STATUS_BROKEN;
	}
}
