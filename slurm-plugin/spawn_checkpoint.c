/* The folder that outlives an attempt: made by the user it belongs to. */
#include "spawn_checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Its parent may be open to all, as /tmp is: what another user put there under this name is refused, links above all. */
static bool is_private(int fd, uid_t uid)
{
	struct stat is;
	return fstat(fd, &is) == 0 && is.st_uid == uid && (is.st_mode & 077) == 0;
}

bool spawn_checkpoint_make(const struct spawn_request *request, struct failure *failure)
{
	const char *path = request->checkpoint_path;
	if (path == NULL)
		return true;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail(failure, STAGE_CHECKPOINT, errno,
			    "the checkpoint folder %.200s cannot be made: %s", path, strerror(errno));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(failure, STAGE_CHECKPOINT, errno,
			    "the checkpoint folder %.200s cannot be opened: %s", path, strerror(errno));
	bool fits = is_private(fd, request->uid);
	(void)close(fd);
	return fits || fail(failure, STAGE_CHECKPOINT, EPERM,
			    "the checkpoint folder %.200s belongs to another user or is open to others", path);
}
