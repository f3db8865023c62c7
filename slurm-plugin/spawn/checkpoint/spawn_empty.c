/* Empties a folder by its descriptor, with the rights of this process.
 *
 * Nothing is removed by a path, links are not followed and mounts are not entered, so whoever
 * renames things meanwhile makes it remove no more than this process could be asked to. */
#include "spawn_empty.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define DEPTH_MAX 64 /* each level holds a descriptor; deeper ones are moved up and met again */
#define MOVE_TRIES 100

struct removal {
	int top;
	const char *kept;
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

static bool is_own(const struct stat *is)
{
	return S_ISDIR(is->st_mode) && is->st_uid == geteuid();
}

/* Lets the owner into a folder, where nobody else can put a link in its place meanwhile. */
static bool admit_owner(int parent, const char *name)
{
	struct stat above, is;
	return fstat(parent, &above) == 0 && is_own(&above) && (above.st_mode & 022) == 0 &&
	       fstatat(parent, name, &is, AT_SYMLINK_NOFOLLOW) == 0 && is_own(&is) && fchmodat(parent, name, 0700, 0) == 0;
}

/* Some programs leave folders that their owner may not change, such as Go's cache of modules. */
static int open_folder(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat is;
	int folder = openat(parent, name, flags);
	if (folder < 0 && errno == EACCES) {
		if (admit_owner(parent, name))
			folder = openat(parent, name, flags);
		else
			errno = EACCES;
	}
	if (folder >= 0 && fstat(folder, &is) == 0 && is_own(&is) && (is.st_mode & 0700) != 0700)
		(void)fchmod(folder, 0700);
	return folder;
}

static void empty(struct removal *removal, int folder, unsigned depth);

static void remove_folder(struct removal *removal, int parent, const char *name, unsigned depth)
{
	struct stat is;
	int folder = open_folder(parent, name);
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
		    (depth == 0 && removal->kept != NULL && strcmp(name, removal->kept) == 0))
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

int spawn_empty(int folder, const char *kept)
{
	struct stat is;
	if (fstat(folder, &is) != 0)
		return errno;
	struct removal removal = {.top = folder, .kept = kept, .device = is.st_dev, .mount = mount_of(folder)};
	do {
		removal.again = false;
		empty(&removal, folder, 0);
	} while (removal.again && removal.error == 0);
	return removal.error;
}
