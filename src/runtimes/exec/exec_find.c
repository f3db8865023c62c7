/* Finds the program of a bundle. */
#include "exec_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_PROGRAM "handler"

static bool is_file(int folder, const char *name)
{
	struct stat found;
	return fstatat(folder, name, &found, 0) == 0 && S_ISREG(found.st_mode);
}

static bool can_run(int folder, const char *name)
{
	return is_file(folder, name) && faccessat(folder, name, X_OK, 0) == 0;
}

/* The name of the only program; returns how many there are. */
static int only_program(DIR *folder, char *name, size_t size)
{
	int count = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (can_run(dirfd(folder), entry->d_name) && count++ == 0)
			snprintf(name, size, "%s", entry->d_name);
	return count;
}

static bool find_in(DIR *folder, const char *handler, char *name, size_t size, char *problem, size_t problem_size)
{
	int number = dirfd(folder);
	if (handler == NULL && !is_file(number, USUAL_PROGRAM)) {
		int count = only_program(folder, name, size);
		if (count != 1)
			snprintf(problem, problem_size, "the bundle has %d programs in its folder%s", count,
				 count == 0 ? ": run \"chmod +x\" on yours, or name it with --handler"
					    : ": name yours with --handler");
		return count == 1;
	}
	snprintf(name, size, "%s", handler == NULL ? USUAL_PROGRAM : handler);
	if (!is_file(number, name))
		snprintf(problem, problem_size, "the bundle has no program %s: name yours with --handler", name);
	else if (!can_run(number, name))
		snprintf(problem, problem_size, "%s cannot be executed: run \"chmod +x\" on it and deploy again", name);
	else
		return true;
	return false;
}

bool find_program(const char *directory, const char *handler, char *path, size_t path_size, char *problem,
		  size_t problem_size)
{
	char name[PATH_MAX];
	DIR *folder = opendir(directory);
	if (folder == NULL) {
		snprintf(problem, problem_size, "%s cannot be read: %m", directory);
		return false;
	}
	bool is_found = find_in(folder, handler, name, sizeof name, problem, problem_size);
	closedir(folder);
	if (is_found)
		snprintf(path, path_size, "%s/%s", directory, name);
	return is_found;
}
