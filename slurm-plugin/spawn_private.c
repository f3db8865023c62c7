/* Memory that belongs to no process, such as files in /dev/shm: the command gets its own, which ends with it. */
#include "spawn_private.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "util.h"

#define SHARED_MEMORY "/dev/shm"

/* What a container answers that may do no such thing: no CAP_SYS_ADMIN, a seccomp filter, an AppArmor profile. */
static bool is_refusal(int error)
{
	return error == EPERM || error == EACCES || error == ENOSYS;
}

bool spawn_private_memory(const struct spawn_request *request, struct failure *failure)
{
	char options[64] = "mode=1777"; /* as large as tmpfs makes it: half of the node's memory */
	if (request->memory_bytes > 0 && !format(options, sizeof options, "mode=1777,size=%llu",
						 (unsigned long long)request->memory_bytes))
		return fail(failure, STAGE_NAMESPACE, EOVERFLOW, "the size of " SHARED_MEMORY " is too long");
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0)
		return errno == EINVAL || is_refusal(errno) || /* EINVAL: a kernel built without one of them */
		       fail(failure, STAGE_NAMESPACE, errno, "no namespaces can be made: %s", strerror(errno));
	/* Slave: what the node mounts later, as automounts do, is seen here; what is mounted here is not seen there. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		return is_refusal(errno) || fail(failure, STAGE_NAMESPACE, errno,
						 "the mounts cannot be parted from the node's: %s", strerror(errno));
	if (mount("tmpfs", SHARED_MEMORY, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
		return errno == ENOENT || is_refusal(errno) || /* ENOENT: then nothing can be left there */
		       fail(failure, STAGE_NAMESPACE, errno, SHARED_MEMORY " cannot be mounted: %s", strerror(errno));
	return true;
}
