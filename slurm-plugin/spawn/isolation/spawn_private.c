/* Resources that belong to no process, such as files in /dev/shm and keys: the command gets its
 * own, which end with it. */
#include "spawn_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

#define SHARED_MEMORY "/dev/shm"

static struct mounted {
	const char *directory;
	dev_t device;
} mounted[REQUEST_MAX_PRIVATE + 1];
static size_t mounted_count;

/* The errors in a container that is not allowed to do this: no CAP_SYS_ADMIN, a seccomp filter, an
 * AppArmor profile. */
static bool is_refusal(int error)
{
	return error == EPERM || error == EACCES || error == ENOSYS;
}

/* A refusal is acceptable for what every function gets, but not for what the site requested. */
static bool refuse(const struct spawn_request *request, bool is_refused, const char *what, struct failure *failure)
{
	int error = errno;
	if (is_refused && request->private_count == 0)
		return true;
	return fail(failure, STAGE_NAMESPACE, error, "%s: %s%s%.100s", what, strerror(error),
		    request->private_count > 0 ? "; without that there is no private " : "",
		    request->private_count > 0 ? request->private_directories[0] : "");
}

static bool mount_empty(const char *directory, const char *options)
{
	struct stat is;
	if (mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
		return false;
	if (stat(directory, &is) == 0)
		mounted[mounted_count++] = (struct mounted){.directory = directory, .device = is.st_dev};
	return true;
}

/* Objects of System V outlive the process that made them, and end with the namespace. Workers that
 * are forked have one together, in which what a dead one left would be nobody's. */
static bool allow_no_objects(struct failure *failure)
{
	static const struct {
		const char *path, *value;
	} limits[] = {
	    {"/proc/sys/kernel/shmmni", "0"},
	    {"/proc/sys/kernel/msgmni", "0"},
	    {"/proc/sys/kernel/sem", "32000 1024000000 500 0"},
	};
	for (size_t at = 0; at < sizeof limits / sizeof limits[0]; at++) {
		size_t length = strlen(limits[at].value);
		int fd = open(limits[at].path, O_WRONLY | O_CLOEXEC);
		bool is_set = fd >= 0 && write(fd, limits[at].value, length) == (ssize_t)length;
		int error = errno;
		if (fd >= 0)
			(void)close(fd);
		if (!is_set)
			return fail(failure, STAGE_NAMESPACE, error, "%s cannot be set: %s", limits[at].path,
				    strerror(error));
	}
	return true;
}

bool spawn_private_memory(const struct spawn_request *request, struct failure *failure)
{
	char options[64] = "mode=1777"; /* tmpfs's default size: half of the node's memory */
	if (request->memory_bytes > 0 && !format(options, sizeof options, "mode=1777,size=%llu",
						 (unsigned long long)request->memory_bytes))
		return fail(failure, STAGE_NAMESPACE, EOVERFLOW, "the size of " SHARED_MEMORY " is too long");
	/* EINVAL: a kernel built without one of them */
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0)
		return refuse(request, errno == EINVAL || is_refusal(errno), "cannot create namespaces", failure);
	if (request->keeps_children && !allow_no_objects(failure))
		return false;
	/* Slave: later mounts on the node, as by automounters, are visible here; mounts made here
	 * are not visible there. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		return refuse(request, is_refusal(errno), "the mounts cannot be parted from the node's", failure);
	/* ENOENT: then nothing can be left there */
	if (!mount_empty(SHARED_MEMORY, options) && errno != ENOENT)
		return refuse(request, is_refusal(errno), SHARED_MEMORY " cannot be mounted", failure);
	for (size_t at = 0; at < request->private_count; at++) {
		const char *directory = request->private_directories[at];
		if (!mount_empty(directory, options))
			return fail(failure, STAGE_NAMESPACE, errno, "no private %.200s can be mounted: %s", directory,
				    strerror(errno));
	}
	return true;
}

const char *spawn_private_holds(int fd)
{
	struct stat is;
	if (fstat(fd, &is) != 0)
		return NULL;
	for (size_t at = 0; at < mounted_count; at++) {
		if (mounted[at].device == is.st_dev)
			return mounted[at].directory;
	}
	return NULL;
}

bool spawn_private_keyring(bool is_user, struct failure *failure)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || is_refusal(errno))
		return true; /* if refused, the command cannot use keys either */
	return is_user || fail(failure, STAGE_USER, errno, "cannot create a session keyring: %s", strerror(errno));
}
