/* The folder for temporary files that a command has for itself: made for its user in a folder that
 * only its executor's user can change, and emptied as the user.
 *
 * Root never removes what is in it: a user could move a folder of somebody else into it, which they
 * may rename but not empty. */
#include "spawn_temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "spawn_after.h"
#include "spawn_empty.h"
#include "spawn_script.h"
#include "util.h"

#define VARIABLE "TMPDIR="
#define NODES_OWN VARIABLE "/tmp"
#define PATH_LENGTH 4096

/* Opens the folder around a command's own, which nobody but this process's user may change. */
static int open_base(const char *path, size_t length)
{
	char base[PATH_LENGTH];
	struct stat is;
	/* With a slash behind it, a link would be followed. */
	while (length > 1 && path[length - 1] == '/')
		length--;
	(void)format(base, sizeof base, "%.*s", (int)length, path);
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &is) != 0 || is.st_uid != geteuid() || (is.st_mode & 022) != 0)) {
		(void)close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/* take_temporary has checked the slash. */
static const char *name_of(const struct spawn_request *request)
{
	return strrchr(request->temporary_path, '/') + 1;
}

static int open_base_of(const struct spawn_request *request)
{
	return open_base(request->temporary_path, (size_t)(name_of(request) - request->temporary_path));
}

static bool has_room(int base, const struct spawn_request *request, struct failure *failure)
{
	struct statvfs is;
	if (request->temporary_mb == 0)
		return true;
	if (fstatvfs(base, &is) != 0)
		return fail(failure, STAGE_TEMPORARY, errno, "the space for temporary files cannot be read: %s", strerror(errno));
	uint64_t free_mb = (uint64_t)is.f_bavail * is.f_frsize >> 20;
	return free_mb >= request->temporary_mb ||
	       fail(failure, STAGE_TEMPORARY, EFBIG,
		    "it needs %llu MB for temporary files, but %llu MB are free: ask for less with --tmp",
		    (unsigned long long)request->temporary_mb, (unsigned long long)free_mb);
}

static bool give(int base, const struct spawn_request *request)
{
	int folder = openat(base, name_of(request), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool given = folder >= 0 && (geteuid() != 0 || fchown(folder, request->uid, request->gid) == 0);
	int error = errno;
	if (folder >= 0)
		(void)close(folder);
	errno = error;
	return given;
}

bool spawn_temporary_make(struct spawn_request *request, struct failure *failure)
{
	if (request->temporary_path == NULL)
		return true;
	int base = open_base_of(request);
	bool made = base >= 0 && has_room(base, request, failure) &&
		    ((mkdirat(base, name_of(request), 0700) == 0 && give(base, request)) ||
		     fail(failure, STAGE_TEMPORARY, errno, "the folder %.200s for temporary files cannot be made: %s",
			  request->temporary_path, strerror(errno)));
	if (base < 0)
		return fail(failure, STAGE_TEMPORARY, errno, "the folder around %.200s, for temporary files, cannot be used: %s",
			    request->temporary_path, strerror(errno));
	if (made && request->script != NULL)
		spawn_script_place(request, base, name_of(request));
	(void)close(base);
	return made;
}

static size_t find_variable(const struct spawn_request *request)
{
	size_t at = 0;
	while (at < request->env_count && strncmp(request->env[at], VARIABLE, strlen(VARIABLE)) != 0)
		at++;
	return at;
}

static bool is_above(const char *folder, const char *path)
{
	size_t length = strlen(folder);
	return path != NULL && strncmp(folder, path, length) == 0 && (path[length] == '/' || (length > 0 && folder[length - 1] == '/'));
}

void spawn_temporary_tell(struct spawn_request *request)
{
	static char text[sizeof VARIABLE + PATH_LENGTH] = NODES_OWN;
	struct stat is;
	size_t at = find_variable(request);
	bool is_given = at < request->env_count;
	const char *given = is_given ? request->env[at] + strlen(VARIABLE) : "";
	/* The user chose it, unless it is where all have their folders; what the login node has
	 * need not be here. */
	if (is_given && !is_above(given, request->temporary_path) && given[0] == '/' && stat(given, &is) == 0 && S_ISDIR(is.st_mode) && access(given, W_OK | X_OK) == 0)
		return;
	if (!is_given && request->env_count == REQUEST_MAX_STRINGS)
		return;
	if (request->temporary_path != NULL)
		(void)format(text, sizeof text, VARIABLE "%s", request->temporary_path);
	request->env[at] = text;
	if (!is_given)
		request->env_count++;
}

/* Opens a command's folder, also if the command has forbidden that to its owner. Only root, or the
 * executor's user, may change what is in the base, so nothing else can get the name meanwhile. */
static int open_to_empty(int base, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int folder = openat(base, name, flags);
	if (folder < 0 && errno == EACCES && fchmodat(base, name, 0700, 0) == 0)
		folder = openat(base, name, flags);
	return folder;
}

/* Becomes the folder's owner at the lowest priority, and empties it; dies with its parent. */
static _Noreturn void empty_as(uid_t uid, gid_t gid, int base, const char *name, pid_t parent)
{
	const struct sched_param param = {.sched_priority = 0};
	struct stat is;
	(void)sched_setscheduler(0, SCHED_IDLE, &param);
	(void)cpu_weight_idle_io();
	if (!spawn_after_become(uid, gid, parent))
		_exit(1);
	int folder = open_to_empty(base, name);
	if (folder < 0 || fstat(folder, &is) != 0 || is.st_uid != geteuid())
		_exit(1);
	if ((is.st_mode & 0700) != 0700)
		(void)fchmod(folder, 0700);
	_exit(spawn_empty(folder, NULL) == 0 ? 0 : 1);
}

/* Waits for the process. Its owner may stop it, which must not keep the sweep from what others have
 * left. */
static void wait_for_emptying(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static pid_t start_emptying(uid_t uid, gid_t gid, int base, const char *name)
{
	pid_t own = getpid(), pid = fork();
	if (pid == 0)
		empty_as(uid, gid, base, name, own);
	return pid;
}

void spawn_temporary_remove(const struct spawn_request *request, const struct task *task)
{
	int base = request->temporary_path == NULL ? -1 : open_base_of(request);
	if (base < 0)
		return;
	const char *name = name_of(request);
	if (unlinkat(base, name, AT_REMOVEDIR) != 0 && errno != ENOENT && spawn_after_has_server(task)) {
		pid_t pid = start_emptying(request->uid, request->gid, base, name);
		if (pid > 0)
			spawn_after_wait(pid, task);
		/* a folder of millions of files is not empty, and left to a sweep */
		(void)unlinkat(base, name, AT_REMOVEDIR);
	}
	if (request->script_path != NULL)
		spawn_script_remove(base, name);
	(void)close(base);
}

int spawn_temporary_sweep(const char *path)
{
	const struct dirent *entry;
	int base = open_base(path, strlen(path)), fd = base < 0 ? -1 : dup(base);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	if (entries == NULL)
		return 1;
	while ((entry = readdir(entries)) != NULL) {
		struct stat is;
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(base, name, AT_REMOVEDIR) == 0 || spawn_script_sweep(base, name))
			continue;
		if (fstatat(base, name, &is, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(is.st_mode))
			continue;
		pid_t pid = start_emptying(is.st_uid, is.st_gid, base, name);
		if (pid > 0)
			wait_for_emptying(pid);
		(void)unlinkat(base, name, AT_REMOVEDIR);
	}
	(void)closedir(entries);
	(void)close(base);
	return rmdir(path) == 0 ? 0 : 1;
}
