/* Moves the command into its cgroups while it waits. */
#include "spawn_join.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "urgency.h"
#include "util.h"

static bool write_pid(const char *path, const char *text)
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

bool spawn_join(const struct spawn_request *request, pid_t command, struct failure *failure)
{
	char text[16];
	bool joined = true;
	if (request->join_count == 0)
		return true;
	(void)format(text, sizeof text, "%d", (int)command);
	urgency_take();
	for (size_t at = 0; at < request->join_count && joined; at++) {
		if (!write_pid(request->joins[at], text))
			joined = fail(failure, STAGE_JOIN, errno, "%s cannot be joined: %s", request->joins[at],
				      strerror(errno));
	}
	urgency_drop();
	return joined;
}
