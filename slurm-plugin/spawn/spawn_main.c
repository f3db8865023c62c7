/* glean-spawn: starts commands as their users, supervises each and everything that it starts, and
 * reports its end.
 *
 * Without arguments it serves one executor on descriptor 3, a stream socket: frames come in
 * (spawn_frame.h), lines go out (spawn_report.h). PROTOCOL.md specifies both. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spawn_describe.h"
#include "spawn_report.h"
#include "spawn_serve.h"
#include "spawn_temporary.h"
#include "util.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Keeps files of ours from getting the number of a standard descriptor. */
static bool fill_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!is_open(fd) && open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("glean-spawn %s\n", GLEAN_VERSION) < 0 ? 1 : 0;
	if (argc == 3 && strcmp(argv[1], "--describe") == 0)
		return spawn_describe(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--sweep") == 0)
		return spawn_temporary_sweep(argv[2]);
	if (argc != 1 || !is_open(SPAWN_SOCKET_FD) || !fill_standard_fds()) {
		(void)fprintf(stderr, "glean-spawn: glean-executor starts it, with a socket as descriptor 3 and no "
				      "arguments.\n");
		return 2;
	}
	return spawn_serve();
}
