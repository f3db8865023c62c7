/* The last step of a start: the script in memory, the search in PATH, execve, and why it failed. */
#include "spawn_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn_memory.h"
#include "util.h"

#define MEMORY_PATH "/proc/self/fd/3" /* SPAWN_SCRIPT_FD */
#define STRING_PAGES 32 /* MAX_ARG_STRLEN of Linux, in pages */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

bool spawn_exec_make_script(const struct spawn_request *request, struct failure *failure)
{
	int fd = spawn_memory_make("glean-script", MFD_EXEC, request->script, request->script_length, 0700);
	if (fd < 0 && errno == EINVAL)
		/* before Linux 6.3 every memfd may be executed */
		fd = spawn_memory_make("glean-script", 0, request->script, request->script_length, 0700);
	if (fd < 0 || (fd != SPAWN_SCRIPT_FD && dup2(fd, SPAWN_SCRIPT_FD) < 0))
		return fail(failure, STAGE_SCRIPT, errno, "the script cannot be put into memory: %s",
			    strerror(errno));
	return true;
}

void spawn_exec_default_signals(void)
{
	for (int number = 1; number < NSIG; number++)
		/* KILL, STOP and libc's own signals are rightly refused */
		(void)signal(number, SIG_DFL);
}

/* exec resets what is handled, but not what is ignored: that is SIGPIPE, since the server began
 * with the defaults, and whatever modules of PAM changed. */
static void reset_signals(const struct spawn_request *request)
{
	sigset_t none;
	if (request->pam_service != NULL)
		spawn_exec_default_signals();
	(void)signal(SIGPIPE, SIG_DFL);
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

/* Tries the command in each folder of PATH. Unlike execvp it never falls back to a shell. Returns
 * the most informative errno. */
static int execute_by_path(const struct spawn_request *request)
{
	char file[PATH_MAX];
	int error = ENOENT;
	for (const char *folder = search_path(request);; folder++) {
		size_t length = strcspn(folder, ":");
		/* an empty entry is the working directory; other relative ones are ignored */
		if (length == 0 || folder[0] == '/') {
			const char *join = length == 0 ? "./" : "/";
			if (format(file, sizeof file, "%.*s%s%s", (int)length, folder, join, request->args[0])) {
				(void)execve(file, request->args, request->env);
				/* A folder that may not be searched has no such program. */
				const bool is_there = errno != EACCES || access(file, F_OK) == 0;
				if (is_there && errno != ENOENT && errno != ENOTDIR)
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

/* The index of the first string that the kernel rejects, or `count`. */
static size_t find_too_long(char *const *strings, size_t count, size_t most)
{
	size_t at = 0;
	while (at < count && strlen(strings[at]) <= most)
		at++;
	return at;
}

/* Names what is too long, but not the value of a variable, which may be secret. */
static bool fail_too_big(const struct spawn_request *request, struct failure *failure)
{
	const size_t most = STRING_PAGES * (size_t)sysconf(_SC_PAGESIZE) - 1; /* without its NUL */
	size_t arg = find_too_long(request->args, request->arg_count, most);
	size_t env = find_too_long(request->env, request->env_count, most);
	if (arg < request->arg_count)
		return fail(failure, STAGE_EXEC, E2BIG,
			    "argument %zu has %zu bytes, but the kernel accepts at most %zu in one: put it into a file", arg,
			    strlen(request->args[arg]), most);
	if (env < request->env_count) {
		size_t name = strcspn(request->env[env], "=");
		return fail(failure, STAGE_EXEC, E2BIG,
			    "the environment variable %.*s has %zu bytes, but the kernel accepts at most %zu in one: put it "
			    "into a file",
			    name < 64 ? (int)name : 64, request->env[env], strlen(request->env[env]), most);
	}
	return fail(failure, STAGE_EXEC, E2BIG,
		    "the arguments and the environment together exceed what the kernel accepts: put them into a file");
}

/* Writes why a script cannot be executed into its error file, as slurmstepd does. Only files get
 * the line: a pipe could be full, or have no reader. */
static void tell_user(const struct spawn_request *request, const char *file, int error)
{
	struct stat is;
	if (fstat(STDERR_FILENO, &is) != 0 || !S_ISREG(is.st_mode))
		return;
	/* at the limit of the file's size there is no line, but the failure is still reported */
	(void)signal(SIGXFSZ, SIG_IGN);
	const char *line = (const char *)request->script;
	size_t length = strnlen(line, request->script_length);
	size_t start = length < 2 ? length : 2 + strspn(line + 2, " \t");
	size_t interpreter = strcspn(line + start, " \t\n");
	if (error == ENOENT)
		(void)dprintf(STDERR_FILENO, "gleaner: error: execve(): bad interpreter(%.*s): %s\n",
			      interpreter < PATH_MAX ? (int)interpreter : PATH_MAX, line + start, strerror(error));
	else
		(void)dprintf(STDERR_FILENO, "gleaner: error: execve(): %s: %s\n", file, strerror(error));
}

bool spawn_exec(const struct spawn_request *request, struct failure *failure)
{
	const char *file = request->args[0];
	int error;
	if (request->script != NULL)
		file = request->script_path != NULL ? request->script_path : MEMORY_PATH;
	reset_signals(request);
	if (request->script == NULL && strchr(request->args[0], '/') == NULL) {
		error = execute_by_path(request);
	} else {
		(void)execve(file, request->args, request->env);
		error = errno;
	}
	if (request->script != NULL)
		tell_user(request, file, error);
	if (error == E2BIG)
		return fail_too_big(request, failure);
	if (request->script != NULL && error == ENOENT)
		return fail(failure, STAGE_EXEC, error, "the interpreter in the script's first line does not exist");
	return fail(failure, STAGE_EXEC, error, "%.300s cannot be executed: %s", request->args[0],
		    strerror(error));
}
