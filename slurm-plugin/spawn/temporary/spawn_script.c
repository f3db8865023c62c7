/* A script as a file of its attempt: only our own user can change the folder around it, so that
 * both can be removed by name.
 *
 * As a file it has one path for every process that it starts, whatever descriptors those have, and
 * scripts that name their logs after themselves get the names that they get from Slurm. */
#include "spawn_script.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "spawn_memory.h"
#include "util.h"

#define FOLDER_SUFFIX ".job"
#define FILE_NAME "slurm_script"
#define NAME_LENGTH 300 /* NAME_MAX and what is added */
#define PATH_LENGTH 4200

static bool name_folder(char *folder, const char *name)
{
	return format(folder, NAME_LENGTH, "%s" FOLDER_SUFFIX, name);
}

/* For the user and nobody else; it may be read by its group that there is a script. */
static bool write_script(const struct spawn_request *request, int folder)
{
	const gid_t group = geteuid() == 0 ? request->gid : (gid_t)-1;
	if (fchown(folder, (uid_t)-1, group) != 0 || fchmod(folder, 0750) != 0)
		return false;
	int fd = openat(folder, FILE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool written = spawn_memory_write(fd, request->script, request->script_length) &&
		       fchown(fd, geteuid() == 0 ? request->uid : (uid_t)-1, group) == 0 && fchmod(fd, 0700) == 0;
	return close(fd) == 0 && written;
}

void spawn_script_place(struct spawn_request *request, int base, const char *name)
{
	static char path[PATH_LENGTH];
	char folder[NAME_LENGTH];
	struct statvfs is;
	if (!name_folder(folder, name) || fstatvfs(base, &is) != 0 || (is.f_flag & ST_NOEXEC) != 0 ||
	    !format(path, sizeof path, "%s" FOLDER_SUFFIX "/" FILE_NAME, request->temporary_path) ||
	    mkdirat(base, folder, 0700) != 0)
		return;
	int fd = openat(base, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && write_script(request, fd))
		request->script_path = path;
	else
		spawn_script_remove(base, name);
	if (fd >= 0)
		(void)close(fd);
}

static void remove_folder(int base, const char *folder)
{
	char file[NAME_LENGTH + sizeof "/" FILE_NAME];
	if (format(file, sizeof file, "%s/" FILE_NAME, folder))
		(void)unlinkat(base, file, 0);
	(void)unlinkat(base, folder, AT_REMOVEDIR);
}

void spawn_script_remove(int base, const char *name)
{
	char folder[NAME_LENGTH];
	if (name_folder(folder, name))
		remove_folder(base, folder);
}

bool spawn_script_sweep(int base, const char *entry)
{
	const size_t length = strlen(entry), suffix = strlen(FOLDER_SUFFIX);
	if (length <= suffix || strcmp(entry + length - suffix, FOLDER_SUFFIX) != 0)
		return false;
	remove_folder(base, entry);
	return true;
}
