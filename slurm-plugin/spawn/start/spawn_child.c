/* The steps between fork and exec, in order: the command enters its cgroups, becomes the user,
 * opens its files. */
#include "spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "spawn_calls.h"
#include "spawn_checkpoint.h"
#include "spawn_exec.h"
#include "spawn_files.h"
#include "spawn_home.h"
#include "spawn_join.h"
#include "spawn_last_line.h"
#include "spawn_limits.h"
#include "spawn_pam.h"
#include "spawn_private.h"
#include "spawn_remove.h"
#include "spawn_temporary.h"
#include "spawn_user.h"
#include "spawn_worker.h"
#include "util.h"

/* the alarm may come just before the call that waits, so it is repeated */
#define START_PULSE_US 100000
#define LEAST_NICE 19
#define CLOSE_ALL_MAX 65536 /* descriptors checked if close_range is missing; ours are all low */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* Makes this process die with the supervisor. Repeated after the change of user, which clears it.
 */
static bool tie_to(pid_t supervisor, struct failure *failure)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return fail(failure, STAGE_START, errno, "the death signal cannot be set: %s", strerror(errno));
	if (getppid() != supervisor)
		return fail(failure, STAGE_START, ESRCH, "the supervisor is gone");
	return true;
}

/* Tells the supervisor how many of its cgroups it has entered, and waits for the others. */
static bool join(const struct spawn_request *request, const struct spawn_birth *birth, struct failure *failure)
{
	const uint8_t count = (uint8_t)spawn_join_self(request, birth->is_inside);
	char byte;
	ssize_t got = write(birth->joining, &count, 1);
	if (got == 1 && count == request->join_count)
		return true;
	while (got == 1 && (got = read(birth->joining, &byte, 1)) < 0 && errno == EINTR)
		got = 1;
	return got == 1 || fail(failure, STAGE_START, ESRCH, "the supervisor is gone");
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t written = write(fd, text, strlen(text));
	int error = errno;
	if (close(fd) != 0 && written >= 0)
		return false;
	errno = error;
	return written == (ssize_t)strlen(text);
}

/* A user's executor may itself run in a job that is nicer, and cannot go back. */
static bool is_nicer(int nice)
{
	const int error = errno;
	const int now = getpriority(PRIO_PROCESS, 0);
	errno = error;
	return error == EACCES && now > nice;
}

static bool enter_limits(const struct spawn_request *request, struct failure *failure)
{
	char score[16];
	if (request->has_oom_score && (!format(score, sizeof score, "%d", request->oom_score) ||
				       !write_file("/proc/self/oom_score_adj", score)))
		return fail(failure, STAGE_OOM_SCORE, errno, "oom_score_adj cannot be %d: %s",
			    request->oom_score, strerror(errno));
	if (request->has_nice && setpriority(PRIO_PROCESS, 0, request->nice) != 0 && !is_nicer(request->nice))
		return fail(failure, STAGE_SCHEDULE, errno, "nice cannot be %d: %s", request->nice,
			    strerror(errno));
	const struct sched_param param = {.sched_priority = 0};
	if (request->idle && sched_setscheduler(0, SCHED_IDLE, &param) != 0)
		return fail(failure, STAGE_SCHEDULE, errno, "SCHED_IDLE cannot be set: %s", strerror(errno));
	if (request->idle && !cpu_weight_idle_io() && errno != ENOSYS)
		return fail(failure, STAGE_SCHEDULE, errno, "the idle I/O class cannot be set: %s", strerror(errno));
	if (request->idle && !request->shared_session && request->join_count == 0)
		cpu_weight_of_session(getpid(), LEAST_NICE);
	if (request->has_cpus && sched_setaffinity(0, sizeof request->cpus, request->cpus) != 0)
		return fail(failure, STAGE_AFFINITY, errno, "the command cannot be bound to its cpus: %s",
			    strerror(errno));
	/* No core files, and no way out of idle priority. */
	static const int closed[] = {RLIMIT_CORE, RLIMIT_NICE, RLIMIT_RTPRIO};
	const struct rlimit none = {0, 0};
	for (size_t at = 0; at < sizeof closed / sizeof closed[0]; at++) {
		if (setrlimit(closed[at], &none) != 0)
			return fail(failure, STAGE_START, errno, "a limit cannot be set to 0: %s", strerror(errno));
	}
	return true;
}

static void wake_up(int signal)
{
	(void)signal;
}

/* A waiting call, for example for the other end of a FIFO, ends with EINTR if the start takes too
 * long; so do all that follow. 0 removes the limit. */
static bool limit_start(uint64_t start_ms, struct failure *failure)
{
	const struct sigaction action = {.sa_handler = wake_up}; /* no SA_RESTART */
	const struct itimerval timer = {
	    .it_value = {.tv_sec = (time_t)(start_ms / 1000), .tv_usec = (suseconds_t)(start_ms % 1000 * 1000)},
	    .it_interval = {.tv_usec = start_ms > 0 ? START_PULSE_US : 0},
	};
	if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &timer, NULL) != 0)
		return fail(failure, STAGE_START, errno, "the start cannot be limited in time: %s", strerror(errno));
	return true;
}

/* Everything above stderr closes at exec, whatever the executor, a library or the name service left
 * open. */
static bool close_rest(bool keep_third, struct failure *failure)
{
	if (syscall(SYS_close_range, 3u, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
		for (int fd = 3; fd < CLOSE_ALL_MAX; fd++)
			/* fails for descriptors that are not open */
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	/* the script in memory, which its interpreter opens by name, or a worker's connection */
	if (keep_third && fcntl(SPAWN_SCRIPT_FD, F_SETFD, 0) != 0)
		return fail(failure, STAGE_SCRIPT, errno, "descriptor 3 cannot be kept open: %s", strerror(errno));
	return true;
}

static bool enter(struct spawn_request *request, const struct spawn_birth *birth, struct failure *failure)
{
	if ((request->shared_session ? setpgid(0, 0) : setsid()) < 0)
		return fail(failure, STAGE_START, errno, "cannot create a session or a process group: %s", strerror(errno));
	/* PAM first: our own settings override those of its modules. */
	bool entered = tie_to(birth->supervisor, failure) && limit_start(request->start_ms, failure) &&
	       join(request, birth, failure) && spawn_pam_open(request, failure) && enter_limits(request, failure) &&
	       spawn_private_keyring(false, failure) && spawn_worker_connect(request, failure) &&
	       spawn_private_memory(request, failure) && spawn_user_become(request, failure) && spawn_private_keyring(true, failure) &&
	       tie_to(birth->supervisor, failure);
	if (entered) {
		spawn_home_tell(request);
		spawn_temporary_tell(request);
	}
	return entered;
}

static bool execute(const struct spawn_request *request, int status, struct failure *failure)
{
	bool is_worker = request->worker_socket != NULL;
	bool in_memory = request->script != NULL && request->script_path == NULL;
	if (!spawn_checkpoint_make(request, failure) || !spawn_files_open(request, failure))
		return false;
	spawn_last_line_lend(status);
	return (!in_memory || spawn_exec_make_script(request, failure)) &&
	       (!is_worker || spawn_worker_place(failure)) &&
	       close_rest(is_worker || in_memory, failure) && limit_start(0, failure) &&
	       spawn_limits_apply(request, failure) && spawn_calls_refuse(request, failure) &&
	       spawn_exec(request, failure);
}

void spawn_child_run(struct spawn_request *request, const struct spawn_birth *birth)
{
	struct failure failure = {0};
	(void)close(SPAWN_SOCKET_FD);
	/* As every process of its user: it writes to files of its own in /proc. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (enter(request, birth, &failure)) {
		if (request->remove_path == NULL)
			(void)execute(request, birth->status, &failure);
		else if (limit_start(0, &failure) && spawn_remove(request, &failure))
			_exit(0);
	}
	/* A message is written completely or not at all; without it the supervisor still sees the
	 * exit. */
	ssize_t written = write(birth->status, &failure, sizeof failure);
	_exit(written == (ssize_t)sizeof failure ? 126 : 125);
}
