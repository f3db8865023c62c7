/* Lets a user read a folder of code by an entry of its access control list (acl(5)).
 *
 * The folder's name is no secret: programs that are started from it show it to everybody in
 * /proc/PID/cmdline. */
#include "spawn_admit.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "spawn_report.h"
#include "util.h"

#define ATTRIBUTE "system.posix_acl_access"
#define VERSION 2
#define NOBODY 4294967295u /* of entries that name no user */
#define USERS_MAX 1000 /* file systems have room for fewer, or for as many */
#define READ 5 /* and enter, as for code */
#define SECONDS_MAX 10 /* it changes one attribute; a disk that hangs may take long */

enum { OWNER = 0x01, USER = 0x02, GROUP = 0x04, MASK = 0x10, OTHER = 0x20 };

/* As the kernel has it: little-endian, ordered by tag and id. */
struct entry {
	uint16_t tag, permissions;
	uint32_t id;
};

struct list {
	uint32_t version;
	struct entry entries[USERS_MAX + 4];
};

static struct entry entry_of(uint16_t tag, uint16_t permissions, uint32_t id)
{
	return (struct entry){.tag = htole16(tag), .permissions = htole16(permissions), .id = htole32(id)};
}

/* Reads the users of a list into `users`, ordered; returns their number, or -1 with errno if it
 * cannot be read: a new list would shut out whoever is in it. */
static ssize_t read_users(int folder, uint32_t users[USERS_MAX])
{
	struct list list;
	ssize_t length = fgetxattr(folder, ATTRIBUTE, &list, sizeof list);
	size_t count = 0, entries;
	if (length < 0)
		return errno == ENODATA ? 0 : -1;
	if (length < (ssize_t)sizeof list.version || le32toh(list.version) != VERSION) {
		errno = ENOTSUP;
		return -1;
	}
	entries = ((size_t)length - sizeof list.version) / sizeof list.entries[0];
	for (size_t at = 0; at < entries && count < USERS_MAX; at++)
		if (le16toh(list.entries[at].tag) == USER)
			users[count++] = le32toh(list.entries[at].id);
	return (ssize_t)count;
}

static bool write_users(int folder, uint16_t of_owner, const uint32_t users[], size_t count)
{
	static struct list list;
	size_t used = 0;
	list.version = htole32(VERSION);
	list.entries[used++] = entry_of(OWNER, of_owner, NOBODY);
	for (size_t at = 0; at < count; at++)
		list.entries[used++] = entry_of(USER, READ, users[at]);
	list.entries[used++] = entry_of(GROUP, 0, NOBODY);
	list.entries[used++] = entry_of(MASK, READ, NOBODY);
	list.entries[used++] = entry_of(OTHER, 0, NOBODY);
	return fsetxattr(folder, ATTRIBUTE, &list, sizeof list.version + used * sizeof list.entries[0], 0) == 0;
}

static bool is_impossible(int error)
{
	return error == ENOTSUP || error == ENOSPC || error == E2BIG || error == ERANGE || error == EINVAL;
}

static int admit(int folder, uint32_t uid)
{
	static uint32_t users[USERS_MAX + 1];
	struct stat is;
	ssize_t read = read_users(folder, users);
	size_t count = (size_t)read, at = 0;
	if (read < 0)
		return is_impossible(errno) ? ADMIT_IMPOSSIBLE : 1;
	if (fstat(folder, &is) != 0 || is.st_uid != geteuid())
		return 1;
	while (at < count && users[at] < uid)
		at++;
	if (at < count && users[at] == uid)
		return 0;
	if (count == USERS_MAX)
		return ADMIT_IMPOSSIBLE;
	memmove(users + at + 1, users + at, (count - at) * sizeof users[0]);
	users[at] = uid;
	if (write_users(folder, (uint16_t)(is.st_mode >> 6 & 7), users, count + 1))
		return 0;
	return is_impossible(errno) ? ADMIT_IMPOSSIBLE : 1;
}

static int admit_to(uint32_t uid, const char *path)
{
	char above[4096];
	const char *slash = strrchr(path, '/');
	if (uid == NOBODY || path[0] != '/' || slash[1] == '\0' ||
	    !format(above, sizeof above, "%.*s", (int)(slash + 1 - path), path))
		return 2;
	/* Executors of a node may do this at once. Nobody else can open the folder above, so nobody
	 * else can hold this lock. */
	int parent = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || flock(parent, LOCK_EX) != 0)
		return 1;
	int folder = openat(parent, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return folder < 0 ? 1 : admit(folder, uid);
}

void spawn_admit(uint32_t uid, const uint8_t *path, size_t length)
{
	char whole[4096];
	bool fits = length < sizeof whole && memchr(path, '\0', length) == NULL;
	/* Whoever waits for the end of the server and its supervisors does not wait for a disk. */
	(void)close(SPAWN_SOCKET_FD);
	(void)alarm(SECONDS_MAX);
	_exit(fits && format(whole, sizeof whole, "%.*s", (int)length, (const char *)path) ? admit_to(uid, whole) : 2);
}
