/* What happens between fork and exec, in its order: the command waits for its cgroups, becomes the user, opens its files. */
#include "spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "spawn_checkpoint.h"
#include "spawn_exec.h"
#include "spawn_private.h"
#include "spawn_user.h"
#include "util.h"

#define LEAST_NICE 19
#define CLOSE_ALL_MAX 65536 /* descriptors looked at where close_range is missing; ours are all low */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* Dies with the supervisor. Set again after the change of user, which clears it. */
static bool tie_to(pid_t supervisor, struct failure *failure)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return fail(failure, STAGE_START, errno, "the death signal cannot be set: %s", strerror(errno));
	if (getppid() != supervisor)
		return fail(failure, STAGE_START, ESRCH, "the supervisor is gone");
	return true;
}

/* The supervisor writes a byte when it has moved us into our cgroups. */
static bool wait_for_join(int joined, struct failure *failure)
{
	char byte;
	ssize_t got;
	do
		got = read(joined, &byte, 1);
	while (got < 0 && errno == EINTR);
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

static bool enter_limits(const struct spawn_request *request, struct failure *failure)
{
	char score[16];
	if (request->has_oom_score && (!format(score, sizeof score, "%d", request->oom_score) ||
				       !write_file("/proc/self/oom_score_adj", score)))
		return fail(failure, STAGE_OOM_SCORE, errno, "oom_score_adj cannot be %d: %s",
			    request->oom_score, strerror(errno));
	if (request->has_nice && setpriority(PRIO_PROCESS, 0, request->nice) != 0)
		return fail(failure, STAGE_SCHEDULE, errno, "nice cannot be %d: %s", request->nice,
			    strerror(errno));
	const struct sched_param param = {.sched_priority = 0};
	if (request->idle && sched_setscheduler(0, SCHED_IDLE, &param) != 0)
		return fail(failure, STAGE_SCHEDULE, errno, "SCHED_IDLE cannot be set: %s", strerror(errno));
	if (request->idle && !request->shared_session && request->join_count == 0)
		cpu_weight_of_session(getpid(), LEAST_NICE);
	if (request->has_cpus && sched_setaffinity(0, sizeof request->cpus, request->cpus) != 0)
		return fail(failure, STAGE_AFFINITY, errno, "the command cannot be bound to its cpus: %s",
			    strerror(errno));
	const struct rlimit no_core = {0, 0};
	if (setrlimit(RLIMIT_CORE, &no_core) != 0)
		return fail(failure, STAGE_START, errno, "core files cannot be switched off: %s",
			    strerror(errno));
	return true;
}

static bool open_as(int target, const char *path, int flags, enum stage stage, struct failure *failure)
{
	int fd = open(path, flags | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0)
		return fail(failure, stage, errno, "%.300s cannot be opened: %s", path, strerror(errno));
	if (dup2(fd, target) < 0)
		return fail(failure, stage, errno, "%.300s cannot be used: %s", path, strerror(errno));
	return true;
}

static bool open_files(const struct spawn_request *request, struct failure *failure)
{
	int output = O_WRONLY | O_CREAT | (request->append ? O_APPEND : O_TRUNC);
	(void)umask(request->umask);
	if (chdir(request->cwd) != 0)
		return fail(failure, STAGE_CHDIR, errno, "%.300s cannot be the working directory: %s",
			    request->cwd, strerror(errno));
	if (!open_as(STDIN_FILENO, request->stdin_path, O_RDONLY, STAGE_OPEN_STDIN, failure) ||
	    !open_as(STDOUT_FILENO, request->stdout_path, output, STAGE_OPEN_STDOUT, failure))
		return false;
	if (strcmp(request->stdout_path, request->stderr_path) != 0)
		return open_as(STDERR_FILENO, request->stderr_path, output, STAGE_OPEN_STDERR, failure);
	if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		return fail(failure, STAGE_OPEN_STDERR, errno, "stderr cannot be stdout: %s", strerror(errno));
	return true;
}

/* Everything above stderr closes at exec, whatever the executor, a library or the name service left open. */
static bool close_rest(bool keep_script, struct failure *failure)
{
	if (syscall(SYS_close_range, 3u, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
		for (int fd = 3; fd < CLOSE_ALL_MAX; fd++)
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* fails for those that are not open */
	}
	if (keep_script && fcntl(SPAWN_SCRIPT_FD, F_SETFD, 0) != 0) /* the interpreter opens it by name */
		return fail(failure, STAGE_SCRIPT, errno, "the script cannot be kept open: %s", strerror(errno));
	return true;
}

void spawn_child_run(const struct spawn_request *request, pid_t supervisor, int status, int joined)
{
	struct failure failure = {0};
	if ((request->shared_session ? setpgid(0, 0) : setsid()) < 0) {
		(void)fail(&failure, STAGE_START, errno, "no session or group can be made: %s", strerror(errno));
	} else {
		(void)(tie_to(supervisor, &failure) && wait_for_join(joined, &failure) && enter_limits(request, &failure) &&
		       spawn_private_memory(request, &failure) && spawn_user_become(request, &failure) &&
		       tie_to(supervisor, &failure) && spawn_checkpoint_make(request, &failure) &&
		       open_files(request, &failure) &&
		       (request->script == NULL || spawn_exec_make_script(request, &failure)) &&
		       close_rest(request->script != NULL, &failure) && spawn_exec(request, &failure));
	}
	/* Shorter than PIPE_BUF, so it is written whole or not at all; without it the supervisor still sees us exit. */
	ssize_t written = write(status, &failure, sizeof failure);
	_exit(written == (ssize_t)sizeof failure ? 126 : 125);
}
