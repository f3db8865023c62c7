/* A bare ping-pong between two processes over a socket: what a call costs at least. Usage: raw
 * tcp|unix [copied]; with "copied", the other end copies each message to another buffer before it
 * sends it, as the function does, and both ends have two buffers. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

struct raw {
	int fd;
	/* The same, unless messages are copied. */
	char *input, *output;
};

static void transfer(int fd, char *data, size_t size, bool is_send)
{
	for (size_t done = 0; done < size;) {
		ssize_t moved = is_send ? send(fd, data + done, size - done, MSG_NOSIGNAL)
					: recv(fd, data + done, size - done, 0);
		if (moved <= 0)
			plan_fail("the other end is gone");
		done += (size_t)moved;
	}
}

static void connect_pair(int pair[2], bool is_tcp)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int one = 1;
	if (!is_tcp) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
			plan_fail("there is no pair of sockets");
		return;
	}
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
	    connect(pair[0], (struct sockaddr *)&address, length) != 0 ||
	    (pair[1] = accept(listener, NULL, NULL)) < 0)
		plan_fail("there is no connection over TCP");
	for (int side = 0; side < 2; side++)
		setsockopt(pair[side], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void ping(size_t bytes, void *context)
{
	struct raw *raw = context;
	transfer(raw->fd, raw->input, bytes, true);
	transfer(raw->fd, raw->output, bytes, false);
}

/* Returns a message once all of it is there, as a function does. */
static void pong(size_t bytes, void *context)
{
	struct raw *raw = context;
	transfer(raw->fd, raw->input, bytes, false);
	if (raw->output != raw->input)
		memcpy(raw->output, raw->input, bytes);
	transfer(raw->fd, raw->output, bytes, true);
}

int main(int argc, char **argv)
{
	int pair[2];
	if (argc < 2)
		return 2;
	const bool is_copied = argc > 2 && strcmp(argv[2], "copied") == 0;
	struct raw raw = { .input = calloc(1, plan_largest()) };
	raw.output = is_copied ? calloc(1, plan_largest()) : raw.input;
	if (raw.input == NULL || raw.output == NULL)
		plan_fail("there is no memory for the messages");
	connect_pair(pair, strcmp(argv[1], "tcp") == 0);
	pid_t peer = fork();
	if (peer < 0)
		plan_fail("the peer cannot be started");
	raw.fd = pair[peer == 0];
	close(pair[peer != 0]);
	if (peer == 0) {
		plan_run_on_server_cpu();
		plan_answer(pong, &raw);
		return 0;
	}
	plan_measure(ping, &raw);
	waitpid(peer, NULL, 0);
	return 0;
}
