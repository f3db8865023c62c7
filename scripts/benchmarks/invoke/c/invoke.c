/* Measures calls of a leased function that returns its input, in C.
 *
 * Usage: invoke TRANSPORT SIZE CALLS IN_FLIGHT RING_BYTES < ENDPOINT, where ENDPOINT is six
 * lines: worker, host, port, socket, host id and key. TRANSPORT raw-tcp or raw-unix needs none:
 * it is a bare ping-pong with a process of its own. Prints one line of JSON. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gleaner.h"

#define MAX_IN_FLIGHT 256
#define WARM_CALLS 100

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int ascending(const void *one, const void *other)
{
	double left = *(const double *)one, right = *(const double *)other;
	return (left > right) - (left < right);
}

static void print(const char *transport, size_t size, int calls, double *us, double all_us)
{
	qsort(us, (size_t)calls, sizeof *us, ascending);
	printf("{\"transport\": \"%s\", \"size\": %zu, \"calls\": %d, \"p50Us\": %.3f, \"p99Us\": %.3f, \"callsPerSecond\": %.0f}\n",
	       transport, size, calls, us[calls / 2], us[(long)calls * 99 / 100], calls / all_us * 1e6);
}

static void transfer(int fd, char *data, size_t size, int is_send)
{
	for (size_t done = 0; done < size;) {
		ssize_t moved = is_send ? send(fd, data + done, size - done, 0) : recv(fd, data + done, size - done, 0);
		if (moved <= 0)
			die("the raw connection");
		done += (size_t)moved;
	}
}

static void connect_pair(int pair[2], int is_tcp)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int one = 1;
	if (!is_tcp) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
			die("socketpair");
		return;
	}
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
	    connect(pair[0], (struct sockaddr *)&address, length) != 0 ||
	    (pair[1] = accept(listener, NULL, NULL)) < 0)
		die("a raw connection");
	for (int side = 0; side < 2; side++)
		setsockopt(pair[side], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* The peer runs on the first core, as the worker does. */
static void pin(int core)
{
	cpu_set_t cores;
	CPU_ZERO(&cores);
	CPU_SET((size_t)core, &cores);
	if (getenv("UNPINNED") == NULL)
		sched_setaffinity(0, sizeof cores, &cores);
}

static void raw(const char *transport, char *data, size_t size, int calls, double *us)
{
	int pair[2];
	connect_pair(pair, strcmp(transport, "raw-tcp") == 0);
	pid_t peer = fork();
	if (peer == 0) {
		pin(0);
		for (int at = 0; at < calls + WARM_CALLS; at++) {
			transfer(pair[1], data, size, 0);
			transfer(pair[1], data, size, 1);
		}
		_exit(0);
	}
	double began = 0;
	for (int at = -WARM_CALLS; at < calls; at++) {
		double before = now_us();
		if (at == 0)
			began = before;
		transfer(pair[0], data, size, 1);
		transfer(pair[0], data, size, 0);
		if (at >= 0)
			us[at] = now_us() - before;
	}
	print(transport, size, calls, us, now_us() - began);
	waitpid(peer, NULL, 0);
}

static char *line(void)
{
	char text[256];
	if (fgets(text, sizeof text, stdin) == NULL)
		die("the endpoint");
	text[strcspn(text, "\n")] = '\0';
	return strdup(text);
}

static gleaner_lease *lease_of(const char *transport, uint32_t ring_bytes)
{
	gleaner_options options = { .ring_bytes = ring_bytes };
	gleaner_lease *lease;
	options.transport = strcmp(transport, "tcp") == 0    ? GLEANER_TRANSPORT_TCP
			    : strcmp(transport, "unix") == 0 ? GLEANER_TRANSPORT_UNIX
							     : GLEANER_TRANSPORT_SHM;
	gleaner_endpoint endpoint = { .worker = line(), .host = line() };
	endpoint.port = (uint16_t)atoi(line());
	endpoint.socket = line();
	endpoint.host_id = line();
	endpoint.key = line();
	gleaner_error error = gleaner_connect_endpoint(&endpoint, 1, &options, &lease);
	if (error == GLEANER_OK)
		return lease;
	fprintf(stderr, "%s\n", gleaner_error_message(error));
	exit(1);
}

static void expect(gleaner_lease *lease, gleaner_error error)
{
	if (error == GLEANER_OK)
		return;
	fprintf(stderr, "%s: %s\n", gleaner_error_message(error), gleaner_lease_message(lease));
	exit(1);
}

static double one_by_one(gleaner_lease *lease, char *input, char *output, size_t size, int calls, double *us)
{
	double began = 0;
	for (int at = -WARM_CALLS; at < calls; at++) {
		size_t got = 0;
		double before = now_us();
		if (at == 0)
			began = before;
		expect(lease, gleaner_invoke(lease, input, size, output, size, &got));
		if (got != size)
			die("another size came back");
		if (at >= 0)
			us[at] = now_us() - before;
	}
	return now_us() - began;
}

static double in_flight(gleaner_lease *lease, const char *input, char *output, size_t size, int calls, int most,
			double *us)
{
	gleaner_call *running[MAX_IN_FLIGHT] = { NULL };
	double begun[MAX_IN_FLIGHT], began = now_us();
	for (int at = 0; at < calls + most; at++) {
		int slot = at % most;
		if (running[slot] != NULL) {
			expect(lease, gleaner_wait(running[slot]));
			us[at - most] = now_us() - begun[slot];
			gleaner_call_free(running[slot]);
		}
		running[slot] = at < calls ? gleaner_submit(lease, input, size, output + (size_t)slot * size, size) : NULL;
		begun[slot] = now_us();
	}
	return now_us() - began;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	const char *transport = argv[1];
	size_t size = strtoul(argv[2], NULL, 10);
	int calls = atoi(argv[3]), most = atoi(argv[4]);
	double *us = calloc((size_t)calls, sizeof *us);
	char *input = malloc(size), *output = malloc(size * (size_t)most);
	if (us == NULL || input == NULL || output == NULL || most > MAX_IN_FLIGHT)
		return 2;
	memset(input, 'x', size);
	pin(1);
	if (strncmp(transport, "raw-", 4) == 0) {
		raw(transport, input, size, calls, us);
		return 0;
	}
	gleaner_lease *lease = lease_of(transport, (uint32_t)strtoul(argv[5], NULL, 10));
	double all_us = most == 1 ? one_by_one(lease, input, output, size, calls, us)
				  : in_flight(lease, input, output, size, calls, most, us);
	if (memcmp(input, output, size) != 0)
		die("another output came back");
	print(transport, size, calls, us, all_us);
	gleaner_lease_close(lease);
	return 0;
}
