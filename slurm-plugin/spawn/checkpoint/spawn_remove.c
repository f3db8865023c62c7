/* Removes a checkpoint folder as its owner, and never another folder that took its name.
 *
 * Whoever may write to the parent folder can rename its content at any moment. So the folder is
 * opened once, recognised by its mark, and emptied by its descriptor; its name is only used to
 * remove the empty folder. The mark is removed last, so that an interrupted removal can be
 * continued. */
#include "spawn_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn_checkpoint.h"
#include "spawn_empty.h"
#include "util.h"

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
	int error = spawn_empty(folder, CHECKPOINT_MARK);
	if (error == 0 && ((unlinkat(folder, CHECKPOINT_MARK, 0) != 0 && errno != ENOENT) || !remove_top(parent, name, &is)))
		error = errno;
	return error == 0 || fail(failure, STAGE_CHECKPOINT, error, "%.200s cannot be removed completely: %s", path,
				  strerror(error));
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
