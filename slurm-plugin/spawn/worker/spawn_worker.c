/* The connections of a worker to the executor: for the worker protocol, and for what it prints. */
#include "spawn_worker.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util.h"

#define LINE_MAX_BYTES 40

static int protocol = -1, output = -1;

/* The first line says which worker it is, and which of its two connections. */
static int connect_as(const struct spawn_request *request, const char *what)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char line[LINE_MAX_BYTES];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	size_t length = strlen(request->worker_socket); /* take_worker_socket has checked it */
	memcpy(address.sun_path, request->worker_socket, length);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    format(line, sizeof line, "%s %" PRIu64 "\n", what, request->worker_id) &&
	    send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line))
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

bool spawn_worker_connect(const struct spawn_request *request, struct failure *failure)
{
	if (request->worker_socket == NULL)
		return true;
	protocol = connect_as(request, "protocol");
	if (protocol >= 0)
		output = connect_as(request, "output");
	return output >= 0 ||
	       fail(failure, STAGE_START, errno == EINTR ? ETIMEDOUT : errno,
		    "the worker cannot be connected to the executor: %s", strerror(errno));
}

bool spawn_worker_place(struct failure *failure)
{
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		return fail(failure, STAGE_OPEN_STDOUT, errno, "the worker's output cannot be used: %s", strerror(errno));
	if (protocol != SPAWN_WORKER_FD && dup2(protocol, SPAWN_WORKER_FD) < 0)
		return fail(failure, STAGE_START, errno, "the worker's connection cannot be used: %s", strerror(errno));
	return true;
}
