/* What happens between fork and exec: the command enters its cgroups and namespaces, becomes the user, opens its files. */
#include "spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawn_checkpoint.h"
#include "spawn_private.h"
#include "util.h"

#define SCRIPT_FD 3
#define SCRIPT_PATH "/proc/self/fd/3"
#define CLOSE_ALL_MAX 65536 /* descriptors looked at where close_range is missing; ours are all low */
#define GROUPS_BUFFER 16384
#define STRING_PAGES 32 /* MAX_ARG_STRLEN of Linux, in pages */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif
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
	for (size_t at = 0; at < request->join_count; at++) {
		if (!write_file(request->joins[at], "0")) /* 0: the writer itself */
			return fail(failure, STAGE_JOIN, errno, "%s cannot be joined: %s", request->joins[at],
				    strerror(errno));
	}
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
	if (request->has_cpus && sched_setaffinity(0, sizeof request->cpus, request->cpus) != 0)
		return fail(failure, STAGE_AFFINITY, errno, "the command cannot be bound to its cpus: %s",
			    strerror(errno));
	const struct rlimit no_core = {0, 0};
	if (setrlimit(RLIMIT_CORE, &no_core) != 0)
		return fail(failure, STAGE_START, errno, "core files cannot be switched off: %s",
			    strerror(errno));
	return true;
}

/* The groups that the system gives the user; the ones of the request when it does not know the name. */
static bool set_groups(const struct spawn_request *request, struct failure *failure)
{
	static char buffer[GROUPS_BUFFER];
	struct passwd entry, *found = NULL;
	if (request->user != NULL) {
		int error = getpwnam_r(request->user, &entry, buffer, sizeof buffer, &found);
		if (found == NULL && error != 0 && error != ENOENT)
			return fail(failure, STAGE_USER, error, "user %.64s cannot be looked up: %s",
				    request->user, strerror(error));
	}
	if (found != NULL && found->pw_uid != request->uid)
		return fail(failure, STAGE_USER, EINVAL, "user %.64s has uid %u on this node, not %u",
			    request->user, (unsigned)found->pw_uid, (unsigned)request->uid);
	int result = found != NULL ? initgroups(request->user, request->gid)
				   : setgroups(request->group_count, request->groups);
	if (result != 0)
		return fail(failure, STAGE_USER, errno, "the groups of uid %u cannot be set: %s",
			    (unsigned)request->uid, strerror(errno));
	return true;
}

/* Whether there is truly no way back to what we were. */
static bool is_settled(const struct spawn_request *request)
{
	uid_t uid, effective_uid, saved_uid;
	gid_t gid, effective_gid, saved_gid;
	if (getresuid(&uid, &effective_uid, &saved_uid) != 0 ||
	    getresgid(&gid, &effective_gid, &saved_gid) != 0)
		return false;
	if (uid != request->uid || effective_uid != uid || saved_uid != uid || gid != request->gid ||
	    effective_gid != gid || saved_gid != gid)
		return false;
	return uid == 0 || setuid(0) != 0;
}

static bool become_user(const struct spawn_request *request, struct failure *failure)
{
	if (request->uid == 0 && !request->allow_root)
		return fail(failure, STAGE_USER, EPERM, "commands of root are not run here");
	if (geteuid() != 0) {
		if (request->uid != geteuid() || request->gid != getegid())
			return fail(failure, STAGE_USER, EPERM,
				    "the executor runs as uid %u and cannot become uid %u with gid %u",
				    (unsigned)geteuid(), (unsigned)request->uid, (unsigned)request->gid);
	} else if (!set_groups(request, failure)) {
		return false;
	} else if (setresgid(request->gid, request->gid, request->gid) != 0 ||
		   setresuid(request->uid, request->uid, request->uid) != 0) {
		return fail(failure, STAGE_USER, errno, "uid %u with gid %u cannot be set: %s",
			    (unsigned)request->uid, (unsigned)request->gid, strerror(errno));
	}
	if (!is_settled(request))
		return fail(failure, STAGE_USER, EPERM, "uid %u could become another user again",
			    (unsigned)request->uid);
	if (!request->new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(failure, STAGE_USER, errno, "no_new_privs cannot be set: %s", strerror(errno));
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

static bool write_all(int fd, const uint8_t *at, size_t left)
{
	while (left > 0) {
		ssize_t written = write(fd, at, left);
		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			at += written;
			left -= (size_t)written;
		}
	}
	return true;
}

/* Puts the script into memory as the user and leaves it at SCRIPT_FD, sealed. */
static bool make_script(const struct spawn_request *request, struct failure *failure)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("glean-script", flags | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("glean-script", flags); /* before Linux 6.3 every memfd may be executed */
	if (fd < 0 || !write_all(fd, request->script, request->script_length) || fchmod(fd, 0700) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
	    (fd != SCRIPT_FD && dup2(fd, SCRIPT_FD) < 0))
		return fail(failure, STAGE_SCRIPT, errno, "the script cannot be put into memory: %s",
			    strerror(errno));
	return true;
}

/* Everything above stderr closes at exec, whatever the executor, a library or the name service left open. */
static bool close_rest(bool keep_script, struct failure *failure)
{
	if (syscall(SYS_close_range, 3u, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
		for (int fd = 3; fd < CLOSE_ALL_MAX; fd++)
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* fails for those that are not open */
	}
	if (keep_script && fcntl(SCRIPT_FD, F_SETFD, 0) != 0) /* the interpreter opens it by name */
		return fail(failure, STAGE_SCRIPT, errno, "the script cannot be kept open: %s", strerror(errno));
	return true;
}

static void reset_signals(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL); /* KILL, STOP and libc's own refuse, rightly */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *search_path(const struct spawn_request *request)
{
	for (size_t at = 0; at < request->env_count; at++) {
		if (strncmp(request->env[at], "PATH=", 5) == 0)
			return request->env[at] + 5;
	}
	return DEFAULT_PATH;
}

/* Tries the command in each folder of PATH. Unlike execvp it never falls back to a shell. Returns the errno that tells most. */
static int execute_by_path(const struct spawn_request *request)
{
	char file[PATH_MAX];
	int error = ENOENT;
	for (const char *folder = search_path(request);; folder++) {
		size_t length = strcspn(folder, ":");
		if (length == 0 || folder[0] == '/') { /* empty: the working directory; others that are relative: no */
			const char *join = length == 0 ? "./" : "/";
			if (format(file, sizeof file, "%.*s%s%s", (int)length, folder, join, request->args[0])) {
				(void)execve(file, request->args, request->env);
				if (errno != ENOENT && errno != ENOTDIR)
					error = errno;
				if (error != ENOENT && error != EACCES)
					return error;
			}
		}
		folder += length;
		if (*folder == '\0')
			return error;
	}
}

/* The index of the first string that the kernel does not take, `count` when there is none. */
static size_t find_too_long(char *const *strings, size_t count, size_t most)
{
	size_t at = 0;
	while (at < count && strlen(strings[at]) <= most)
		at++;
	return at;
}

/* Names what is too long, but not a variable's value, which may be secret. */
static bool fail_too_big(const struct spawn_request *request, struct failure *failure)
{
	const size_t most = STRING_PAGES * (size_t)sysconf(_SC_PAGESIZE) - 1; /* without its NUL */
	size_t arg = find_too_long(request->args, request->arg_count, most);
	size_t env = find_too_long(request->env, request->env_count, most);
	if (arg < request->arg_count)
		return fail(failure, STAGE_EXEC, E2BIG,
			    "argument %zu has %zu bytes, but the kernel takes at most %zu in one: put it into a file", arg,
			    strlen(request->args[arg]), most);
	if (env < request->env_count) {
		size_t name = strcspn(request->env[env], "=");
		return fail(failure, STAGE_EXEC, E2BIG,
			    "the environment variable %.*s has %zu bytes, but the kernel takes at most %zu in one: put it "
			    "into a file",
			    name < 64 ? (int)name : 64, request->env[env], strlen(request->env[env]), most);
	}
	return fail(failure, STAGE_EXEC, E2BIG,
		    "the arguments and the environment are together more than the kernel takes: put them into a file");
}

static bool execute(const struct spawn_request *request, struct failure *failure)
{
	int error;
	reset_signals();
	if (request->script == NULL && strchr(request->args[0], '/') == NULL) {
		error = execute_by_path(request);
	} else {
		(void)execve(request->script != NULL ? SCRIPT_PATH : request->args[0], request->args,
			     request->env);
		error = errno;
	}
	if (error == E2BIG)
		return fail_too_big(request, failure);
	if (request->script != NULL && error == ENOENT)
		return fail(failure, STAGE_EXEC, error, "the interpreter in the script's first line is not there");
	return fail(failure, STAGE_EXEC, error, "%.300s cannot be executed: %s", request->args[0],
		    strerror(error));
}

void spawn_child_run(const struct spawn_request *request, pid_t supervisor, int status)
{
	struct failure failure = {0};
	if (setsid() < 0) {
		(void)fail(&failure, STAGE_START, errno, "no session can be made: %s", strerror(errno));
	} else {
		(void)(tie_to(supervisor, &failure) && enter_limits(request, &failure) &&
		       spawn_private_memory(request, &failure) && become_user(request, &failure) &&
		       tie_to(supervisor, &failure) && spawn_checkpoint_make(request, &failure) &&
		       open_files(request, &failure) &&
		       (request->script == NULL || make_script(request, &failure)) &&
		       close_rest(request->script != NULL, &failure) && execute(request, &failure));
	}
	/* Shorter than PIPE_BUF, so it is written whole or not at all; without it the supervisor still sees us exit. */
	ssize_t written = write(status, &failure, sizeof failure);
	_exit(written == (ssize_t)sizeof failure ? 126 : 125);
}
