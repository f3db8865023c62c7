/* A bare ping-pong between two processes over libfabric, both of which spin: what a call costs at
 * least. Usage: raw_ofi PROVIDER. */
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "ofi.h"
#include "plan.h"

static void ping(size_t bytes, void *context)
{
	if (!bare_ping(context, bytes))
		plan_fail("the other end is gone");
}

static void pong(size_t bytes, void *context)
{
	if (!bare_pong(context, bytes))
		plan_fail("the other end is gone");
}

int main(int argc, char **argv)
{
	int pair[2];
	char problem[OFI_MAX_PROBLEM_BYTES] = "";
	if (argc != 2)
		return 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		plan_fail("there is no pair of sockets");
	pid_t peer = fork();
	if (peer < 0)
		plan_fail("the peer cannot be started");
	const int fd = pair[peer == 0];
	close(pair[peer != 0]);
	if (peer == 0)
		plan_run_on_server_cpu();
	struct bare *bare = bare_open(argv[1], fd, plan_largest(), problem);
	if (bare == NULL)
		plan_fail(problem);
	if (peer == 0)
		plan_answer(pong, bare);
	else
		plan_measure(ping, bare);
	bool is_sent = bare_flush(bare);
	/* Each goes once the other is done, too. */
	uint8_t done = 0;
	is_sent = write_all(fd, &done, 1) && read_all(fd, &done, 1) && is_sent;
	bare_close(bare);
	if (peer != 0)
		waitpid(peer, NULL, 0);
	return is_sent ? 0 : 1;
}
