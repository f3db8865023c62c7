/* Opens the command's working directory, input and output, as the user.
 *
 * In a folder that several users may write to, another user can replace an output file with a link
 * to a file of this user, which would be truncated or written to. So a link with an output's own
 * name is followed only if it belongs to the user or root. Links in the folders on the path are
 * followed, as by every program. */
#include "spawn_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "spawn_memory.h"
#include "spawn_private.h"
#include "util.h"

#define LINKS_MAX 8
#define ESTRANGE EREMOTE /* our own: a link of another user; open never returns it */

/* Whether the link may be followed; returns the text of exactly this link. */
static bool read_link(int folder, const char *name, uid_t owner, char target[PATH_MAX])
{
	struct stat is;
	int link = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (link < 0)
		return false;
	ssize_t length = -1;
	if (fstat(link, &is) == 0 && is.st_uid != owner && is.st_uid != 0)
		errno = ESTRANGE;
	else
		length = readlinkat(link, "", target, PATH_MAX - 1);
	int error = errno;
	(void)close(link);
	errno = error;
	if (length < 0)
		return false;
	target[length] = '\0';
	return true;
}

/* Links in /proc name things without a path; nobody can put any there. */
static bool is_in_proc(int folder)
{
	struct statfs is;
	return fstatfs(folder, &is) == 0 && is.f_type == PROC_SUPER_MAGIC;
}

/* Opens a file below `from`, which is closed; leaves the text of a link in `path`. */
static int open_step(int from, char path[PATH_MAX], int flags, uid_t owner)
{
	char *slash = strrchr(path, '/'), name[PATH_MAX];
	/* at most as long as the path */
	(void)format(name, sizeof name, "%s", slash != NULL ? slash + 1 : path);
	if (slash != NULL)
		slash[slash == path ? 1 : 0] = '\0';
	int folder = openat(from, slash != NULL ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = errno;
	if (from >= 0)
		(void)close(from);
	errno = error;
	if (folder < 0)
		return -1;
	int fd = openat(folder, name, is_in_proc(folder) ? flags : flags | O_NOFOLLOW, 0666);
	if (fd < 0 && errno == ELOOP && read_link(folder, name, owner, path))
		return -2 - folder;
	error = errno;
	(void)close(folder);
	errno = error;
	return fd;
}

static int open_output(const char *given, int flags, uid_t owner)
{
	char path[PATH_MAX];
	int from = AT_FDCWD;
	if (!format(path, sizeof path, "%s", given)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (int links = 0; links < LINKS_MAX; links++) {
		int fd = open_step(from, path, flags, owner);
		if (fd >= -1)
			return fd;
		from = -2 - fd;
	}
	(void)close(from);
	errno = ELOOP;
	return -1;
}

static bool fail_to_open(const char *path, enum stage stage, struct failure *failure)
{
	if (errno == EINTR) /* see limit_start */
		return fail(failure, stage, ETIMEDOUT,
			    "%.300s could not be opened in time: check whether it is a FIFO that no other process has open", path);
	if (errno == ESTRANGE)
		return fail(failure, stage, EPERM, "%.300s is a link that another user made: it is not followed", path);
	return fail(failure, stage, errno, "%.300s cannot be opened: %s", path, strerror(errno));
}

static bool put_at(int target, int fd, const char *path, enum stage stage, struct failure *failure)
{
	const char *within = target == STDIN_FILENO ? NULL : spawn_private_holds(fd);
	if (within != NULL)
		return fail(failure, stage, EXDEV, "%.200s would be lost: %.60s is the function's own and ends with it",
			    path, within);
	if (dup2(fd, target) < 0)
		return fail(failure, stage, errno, "%.300s cannot be used: %s", path, strerror(errno));
	/* An output must not name it in /proc. */
	if (fd != target)
		(void)close(fd);
	return true;
}

/* What the executor tells the command in private: nobody else can read it, and it is in no file. */
static bool open_given_input(const struct spawn_request *request, struct failure *failure)
{
	int fd = spawn_memory_make("glean-input", 0, request->input, request->input_length, 0600);
	if (fd < 0)
		return fail(failure, STAGE_OPEN_STDIN, errno, "standard input cannot be put into memory: %s",
			    strerror(errno));
	return put_at(STDIN_FILENO, fd, "standard input", STAGE_OPEN_STDIN, failure);
}

static bool open_input(const struct spawn_request *request, struct failure *failure)
{
	if (request->input != NULL)
		return open_given_input(request, failure);
	int fd = open(request->stdin_path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? fail_to_open(request->stdin_path, STAGE_OPEN_STDIN, failure)
		      : put_at(STDIN_FILENO, fd, request->stdin_path, STAGE_OPEN_STDIN, failure);
}

/* Empties a file that was last written to before `since_ms`: the other commands of its submission
 * have not begun to. */
static bool empty_old(int fd, uint64_t since_ms)
{
	struct stat is;
	if (fstat(fd, &is) != 0)
		return false;
	uint64_t written_ms = (uint64_t)is.st_mtim.tv_sec * 1000 + (uint64_t)is.st_mtim.tv_nsec / 1000000;
	return !S_ISREG(is.st_mode) || is.st_size == 0 || written_ms >= since_ms || ftruncate(fd, 0) == 0;
}

static bool open_output_at(int target, const char *path, enum stage stage, const struct spawn_request *request,
			   struct failure *failure)
{
	/* Always O_APPEND, as in a batch job: several commands, or a command and what it starts,
	 * may write to one file. */
	int flags = O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC | O_APPEND;
	bool at_once = !request->append && request->keep_since_ms == 0;
	int fd = open_output(path, at_once ? flags | O_TRUNC : flags, request->uid);
	if (fd < 0 || (request->keep_since_ms != 0 && !empty_old(fd, request->keep_since_ms))) {
		fail_to_open(path, stage, failure);
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	return put_at(target, fd, path, stage, failure);
}

bool spawn_files_open(const struct spawn_request *request, struct failure *failure)
{
	(void)umask(request->umask);
	if (chdir(request->cwd) != 0)
		return fail(failure, STAGE_CHDIR, errno, "%.300s cannot be the working directory: %s",
			    request->cwd, strerror(errno));
	if (!open_input(request, failure) ||
	    !open_output_at(STDOUT_FILENO, request->stdout_path, STAGE_OPEN_STDOUT, request, failure))
		return false;
	if (strcmp(request->stdout_path, request->stderr_path) != 0)
		return open_output_at(STDERR_FILENO, request->stderr_path, STAGE_OPEN_STDERR, request, failure);
	if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		return fail(failure, STAGE_OPEN_STDERR, errno, "stderr cannot be stdout: %s", strerror(errno));
	return true;
}
