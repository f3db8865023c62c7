/* The folder that outlives an attempt: created and marked by its user, and recognised by its mark.
 */
#include "spawn_checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn_private.h"
#include "util.h"

#define FRESH_MARK CHECKPOINT_MARK ".new"
#define MARK_MAX 320 /* a name of 255 bytes and a number */

/* Its parent may be open to all, like /tmp: anything that another user put there under this name is
 * rejected, above all links. */
static bool is_private(int fd, uid_t uid)
{
	struct stat is;
	return fstat(fd, &is) == 0 && is.st_uid == uid && (is.st_mode & 077) == 0;
}

/* Without the device number, which on network file systems differs between nodes. */
static bool write_text(char *out, size_t size, int folder, const char *path)
{
	struct stat is;
	const char *name = strrchr(path, '/');
	return fstat(folder, &is) == 0 &&
	       format(out, size, "%s %llu\n", name != NULL ? name + 1 : path, (unsigned long long)is.st_ino);
}

/* Whether there is a mark that belongs to the owner and has the right text. */
static bool has_mark(int folder, const char *path, uid_t owner)
{
	char expected[MARK_MAX], found[MARK_MAX];
	struct stat is;
	return write_text(expected, sizeof expected, folder, path) &&
	       fstatat(folder, CHECKPOINT_MARK, &is, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(is.st_mode) &&
	       is.st_uid == owner && (is.st_mode & 022) == 0 &&
	       read_text(folder, CHECKPOINT_MARK, found, sizeof found) && strcmp(found, expected) == 0;
}

/* Whether it contains nothing except the remains of an interrupted start. */
static bool is_vacant(int folder)
{
	bool vacant = true;
	const struct dirent *entry;
	/* with a position in the listing of its own */
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	if (entries == NULL)
		return false;
	while (vacant && (entry = readdir(entries)) != NULL)
		vacant = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			 strcmp(entry->d_name, FRESH_MARK) == 0;
	(void)closedir(entries);
	return vacant;
}

bool spawn_checkpoint_is_ours(int folder, const char *path, uid_t owner)
{
	return has_mark(folder, path, owner) || is_vacant(folder);
}

/* Either the whole mark appears under its name, or nothing. */
static bool put_mark(int folder, const char *path)
{
	char text[MARK_MAX];
	if (!write_text(text, sizeof text, folder, path))
		return false;
	int fd = openat(folder, FRESH_MARK, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ssize_t size = (ssize_t)strlen(text), written = write(fd, text, (size_t)size);
	int error = errno;
	if (close(fd) != 0)
		return false;
	/* a disk that accepts only a part of so little is full */
	errno = written >= 0 ? ENOSPC : error;
	return written == size && renameat(folder, FRESH_MARK, folder, CHECKPOINT_MARK) == 0;
}

static bool check(int folder, const struct spawn_request *request, struct failure *failure)
{
	const char *path = request->checkpoint_path;
	if (!is_private(folder, request->uid))
		return fail(failure, STAGE_CHECKPOINT, EPERM,
			    "the checkpoint folder %.200s belongs to another user or is open to others", path);
	const char *within = spawn_private_holds(folder);
	if (within != NULL)
		return fail(failure, STAGE_CHECKPOINT, EXDEV,
			    "the checkpoint folder %.200s would be lost: %.60s is the function's own and ends with it", path,
			    within);
	if (!spawn_checkpoint_is_ours(folder, path, request->uid))
		return fail(failure, STAGE_CHECKPOINT, EEXIST,
			    "%.200s is not the checkpoint folder that was created there: it contains files and no mark for "
			    "this place (" CHECKPOINT_MARK "); move it away",
			    path);
	if (!has_mark(folder, path, request->uid) && !put_mark(folder, path))
		return fail(failure, STAGE_CHECKPOINT, errno, "the checkpoint folder %.200s cannot be marked: %s",
			    path, strerror(errno));
	return true;
}

bool spawn_checkpoint_make(const struct spawn_request *request, struct failure *failure)
{
	const char *path = request->checkpoint_path;
	if (path == NULL)
		return true;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail(failure, STAGE_CHECKPOINT, errno,
			    "the checkpoint folder %.200s cannot be created: %s", path, strerror(errno));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(failure, STAGE_CHECKPOINT, errno,
			    "the checkpoint folder %.200s cannot be opened: %s", path, strerror(errno));
	bool fits = check(fd, request, failure);
	(void)close(fd);
	return fits;
}
