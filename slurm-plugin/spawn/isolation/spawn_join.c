/* Puts the command into its cgroups: where it is born, what it enters, where it is moved. */
#include "spawn_join.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "urgency.h"
#include "util.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#define INTO_CGROUP 0x200000000ull /* CLONE_INTO_CGROUP, from Linux 5.7 on */

/* struct clone_args as of Linux 5.7: headers may be older than the kernel. */
struct into_cgroup {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t written = write(fd, text, strlen(text));
	int error = errno;
	(void)close(fd);
	errno = error;
	return written == (ssize_t)strlen(text);
}

/* The length of a cgroup's path with the slash before its file, which is_cgroup_file checked. */
static size_t folder_length(const char *file)
{
	return (size_t)(strrchr(file, '/') + 1 - file);
}

static bool is_group_of_kill(const struct spawn_request *request, const char *join)
{
	size_t length = folder_length(join);
	return request->kill_path != NULL && length == folder_length(request->kill_path) &&
	       strncmp(join, request->kill_path, length) == 0;
}

/* -1 if the command joins no such group, or it cannot be opened. */
static int open_group_of_kill(const struct spawn_request *request)
{
	char path[PATH_MAX];
	for (size_t at = 0; at < request->join_count; at++) {
		const char *join = request->joins[at];
		if (is_group_of_kill(request, join) && format(path, sizeof path, "%.*s", (int)folder_length(join), join))
			return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return -1;
}

/* Only root gets rid of what comes with that priority: others would keep it, or its mark. */
static bool hurry(void)
{
	return geteuid() == 0 && urgency_lend(0);
}

pid_t spawn_join_fork(const struct spawn_request *request, bool *is_born_inside)
{
	int group = open_group_of_kill(request);
	*is_born_inside = false;
	if (group < 0)
		return fork();
	const struct into_cgroup into = {.flags = INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group};
	*is_born_inside = true;
	bool hurries = hurry();
	pid_t pid = (pid_t)syscall(SYS_clone3, &into, sizeof into);
	if (pid == 0)
		return 0;
	if (hurries)
		urgency_take_back(0);
	(void)close(group);
	if (pid > 0)
		return pid;
	*is_born_inside = false; /* refused, as in some containers */
	return fork();
}

/* Into a group of version 1: only there single threads move by themselves. */
static bool enter(const char *join)
{
	char path[PATH_MAX];
	return format(path, sizeof path, "%.*stasks", (int)folder_length(join), join) && write_text(path, "0");
}

size_t spawn_join_self(const struct spawn_request *request, bool is_born_inside)
{
	size_t at = 0;
	if (request->join_count == 0 || !hurry())
		return 0;
	while (at < request->join_count &&
	       ((is_born_inside && is_group_of_kill(request, request->joins[at])) || enter(request->joins[at])))
		at++;
	urgency_take_back(0);
	return at;
}

bool spawn_join_rest(const struct spawn_request *request, size_t at, pid_t command, struct failure *failure)
{
	char text[16];
	bool joined = true;
	(void)format(text, sizeof text, "%d", (int)command);
	urgency_take();
	for (; at < request->join_count && joined; at++) {
		if (!write_text(request->joins[at], text))
			joined = fail(failure, STAGE_JOIN, errno, "%s cannot be joined: %s", request->joins[at],
				      strerror(errno));
	}
	urgency_drop();
	return joined;
}
