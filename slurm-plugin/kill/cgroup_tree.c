/* Examines a cgroup of version 2 and everything below it, and kills it. */
#include "cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static const char kill_file[] = "cgroup.kill";
/* The executor's group, its `work`, the one that limits an attempt, the attempt's own: nobody
 * creates groups below. */
#define DEPTH_MAX 5

int cgroup_tree_open_events(const char *kill_path)
{
	char path[PATH_MAX];
	size_t folder = strlen(kill_path) - strlen(kill_file);
	if (!format(path, sizeof path, "%.*scgroup.events", (int)folder, kill_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, O_RDONLY | O_CLOEXEC);
}

bool cgroup_tree_is_gone(int error)
{
	return error == ENOENT || error == ENODEV;
}

bool cgroup_tree_is_populated(int events)
{
	char text[512];
	ssize_t got = pread(events, text, sizeof text - 1, 0);
	if (got < 0)
		return !cgroup_tree_is_gone(errno);
	text[got] = '\0';
	return strstr(text, "populated 1") != NULL;
}

static void write_kill(int fd)
{
	ssize_t written = write(fd, "1", 1);
	(void)written; /* cgroup.events shows the result */
}

bool cgroup_tree_kill(const char *kill_path)
{
	int fd = open(kill_path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* Nobody reaps it: it or its parent ends a moment later. */
	pid_t pid = fork();
	if (pid == 0) {
		for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
			(void)close(standard); /* slurmd may wait for them to be closed */
		write_kill(fd);
		_exit(0);
	}
	if (pid < 0)
		write_kill(fd);
	(void)close(fd);
	return true;
}

static void add_processes(struct proc_list *list, int folder)
{
	char chunk[4096];
	long pid = 0;
	ssize_t got;
	int fd = openat(folder, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((got = read(fd, chunk, sizeof chunk)) > 0) {
		for (ssize_t at = 0; at < got; at++) {
			struct proc_info info;
			if (chunk[at] >= '0' && chunk[at] <= '9') {
				pid = pid * 10 + (chunk[at] - '0');
				continue;
			}
			if (pid > 0 && proc_read((pid_t)pid, &info))
				/* full: those in the list are enough */
				(void)proc_list_add(list, (pid_t)pid, info.start_ticks);
			pid = 0;
		}
	}
	(void)close(fd);
}

static void add_below(struct proc_list *list, int folder, int depth)
{
	add_processes(list, folder);
	DIR *entries = depth > 0 ? fdopendir(folder) : NULL;
	if (entries == NULL) {
		(void)close(folder);
		return;
	}
	const struct dirent *entry;
	while ((entry = readdir(entries)) != NULL) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		int inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (inner >= 0)
			add_below(list, inner, depth - 1);
	}
	(void)closedir(entries);
}

void cgroup_tree_collect(struct proc_list *list, const char *kill_path)
{
	char path[PATH_MAX];
	size_t length = strlen(kill_path) - strlen(kill_file);
	if (!format(path, sizeof path, "%.*s", (int)length, kill_path))
		return;
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0)
		add_below(list, folder, DEPTH_MAX);
}
