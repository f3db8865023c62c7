/* Removes a checkpoint folder as its owner, and never another folder that took its name.
 *
 * Whoever may write to the parent folder can rename its content at any moment. So the folder is
 * opened once, recognised by its mark, and emptied by its descriptor; its name is only used to
 * remove the empty folder. The mark is removed last, so that an interrupted removal can be
 * continued. */
#include "spawn_remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn_checkpoint.h"
#include "util.h"

#define DEPTH_MAX 64 /* each level holds a descriptor; deeper ones are moved up and met again */
#define MOVE_TRIES 100

struct removal {
	int top;
	dev_t device;
	uint64_t mount;
	unsigned moved;
	int error; /* the first one; 0 if none */
	bool again; /* something was moved to the top, behind the current position */
};

static void note(struct removal *removal)
{
	if (removal->error == 0)
		removal->error = errno;
}

/* Returns the number of the descriptor's mount; 0 if /proc does not tell. A bind mount has the
 * device of its source, so the device alone does not show that it is one. */
static uint64_t mount_of(int fd)
{
	static const char key[] = "\nmnt_id:\t";
	char path[64], text[1024];
	uint64_t mount = 0;
	if (!format(path, sizeof path, "/proc/self/fdinfo/%d", fd) || !read_text(AT_FDCWD, path, text, sizeof text))
		return 0;
	char *number = strstr(text, key);
	if (number == NULL)
		return 0;
	number += sizeof key - 1;
	number[strcspn(number, "\n")] = '\0';
	return parse_number(number, 1, UINT32_MAX, &mount) ? mount : 0;
}

static void move_up(struct removal *removal, int folder, const char *name)
{
	char up[64];
	for (unsigned tries = 0; tries < MOVE_TRIES; tries++) {
		if (!format(up, sizeof up, ".gleaner-removed.%u", removal->moved++))
			break;
		if (renameat(folder, name, removal->top, up) == 0) {
			removal->again = true;
			return;
		}
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			break;
	}
	note(removal);
}

static void empty(struct removal *removal, int folder, unsigned depth);

static void remove_folder(struct removal *removal, int parent, const char *name, unsigned depth)
{
	struct stat is;
	int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0) {
		note(removal);
		return;
	}
	if (fstat(folder, &is) != 0 || is.st_dev != removal->device || mount_of(folder) != removal->mount) {
		errno = EXDEV; /* something is mounted there */
		note(removal);
	} else if (depth < DEPTH_MAX) {
		empty(removal, folder, depth + 1);
	} else {
		move_up(removal, parent, name);
	}
	(void)close(folder);
	if (depth < DEPTH_MAX && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		note(removal);
}

/* Removes everything in the folder; in the top folder, everything except the mark. */
static void empty(struct removal *removal, int folder, unsigned depth)
{
	const struct dirent *entry;
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	if (entries == NULL) {
		note(removal);
		return;
	}
	while ((entry = readdir(entries)) != NULL) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    (depth == 0 && strcmp(name, CHECKPOINT_MARK) == 0))
			continue;
		if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno == EISDIR || errno == EPERM) /* POSIX uses the second for folders */
			remove_folder(removal, folder, name, depth);
		else
			note(removal);
	}
	(void)closedir(entries);
}

/* By name, but only the folder that was emptied; in the instant between, at most another empty one
 * can take its place. */
static bool remove_top(int parent, const char *name, const struct stat *top)
{
	struct stat is;
	if (fstatat(parent, name, &is, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT;
	if (is.st_ino != top->st_ino || is.st_dev != top->st_dev) {
		errno = ESTALE;
		return false;
	}
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static bool remove_from(int parent, const char *name, int folder, const struct spawn_request *request,
			struct failure *failure)
{
	const char *path = request->remove_path;
	struct stat is;
	if (fstat(folder, &is) != 0 || is.st_uid != request->uid || (is.st_mode & 022) != 0 ||
	    !spawn_checkpoint_is_ours(folder, path, request->uid))
		return fail(failure, STAGE_CHECKPOINT, EPERM,
			    "%.200s is not the checkpoint folder that was created there: it is left as it is", path);
	struct removal removal = {.top = folder, .device = is.st_dev, .mount = mount_of(folder)};
	do {
		removal.again = false;
		empty(&removal, folder, 0);
	} while (removal.again && removal.error == 0);
	if (removal.error == 0 && unlinkat(folder, CHECKPOINT_MARK, 0) != 0 && errno != ENOENT)
		note(&removal);
	if (removal.error == 0 && !remove_top(parent, name, &is))
		note(&removal);
	return removal.error == 0 ||
	       fail(failure, STAGE_CHECKPOINT, removal.error, "%.200s cannot be removed completely: %s", path,
		    strerror(removal.error));
}

bool spawn_remove(const struct spawn_request *request, struct failure *failure)
{
	char above[4096];
	/* take_remove has checked the slash */
	const char *path = request->remove_path, *name = strrchr(path, '/') + 1;
	(void)format(above, sizeof above, "%.*s", (int)(name - path), path);
	int parent = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int folder = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 && errno == ENOENT)
		return true;
	if (folder < 0)
		return fail(failure, STAGE_CHECKPOINT, errno, "the checkpoint folder %.200s cannot be opened: %s",
			    path, strerror(errno));
	bool removed = remove_from(parent, name, folder, request, failure);
	(void)close(folder);
	(void)close(parent);
	return removed;
}
