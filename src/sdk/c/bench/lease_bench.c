/* The program of `glean lease --bench`: glean-lease-bench [MS] < ENDPOINT, which is six lines
 * (worker, host, port, socket, host id, key). Times calls of the function in function.c over each
 * transport, beside a bare ping-pong with the same worker, and says so in lines of JSON. */
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "internal.h"
#include "sockets.h"

#define LONGEST_LINE 512
#define MOST_CALLS 2000
#define CONNECT_S 2
/* Unless it is told: a size is timed for this long, in parts of as many calls. */
#define LONGEST_MS 500
#define PART 20

static const uint32_t sizes[] = { 1, 1024, 100 << 10, LARGEST };
#define SIZES (sizeof sizes / sizeof *sizes)

struct figures {
	uint32_t calls;
	double p50_us, p99_us;
};

static uint8_t *input, *output;
static double took[MOST_CALLS];
static double longest_us = LONGEST_MS * 1e3;

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_length(const void *one, const void *other)
{
	const double first = *(const double *)one, second = *(const double *)other;
	return first < second ? -1 : first > second;
}

static struct figures figures_of(uint32_t calls)
{
	qsort(took, calls, sizeof *took, by_length);
	return (struct figures){ calls, took[calls / 2], took[calls * 99 / 100] };
}

static bool goes_on(uint32_t calls, double start_us)
{
	return calls < MOST_CALLS && (calls % PART != 0 || calls == 0 || now_us() - start_us < longest_us);
}

static bool time_lease(gleaner_lease *lease, uint32_t bytes, struct figures *figures)
{
	const double start = now_us();
	uint32_t calls = 0;
	for (size_t got; goes_on(calls, start); calls++) {
		const double began = now_us();
		if (gleaner_invoke(lease, input, bytes, output, LARGEST, &got) != GLEANER_OK || got != bytes)
			return false;
		took[calls] = now_us() - began;
	}
	*figures = figures_of(calls);
	return true;
}

static bool time_raw(int fd, struct bare *bare, uint32_t bytes, struct figures *figures)
{
	const struct round round = { bytes, PART };
	const double start = now_us();
	uint32_t calls = 0;
	for (; goes_on(calls, start); calls++) {
		if (calls % PART == 0 && !write_all(fd, &round, sizeof round))
			return false;
		const double began = now_us();
		if (!(bare == NULL ? socket_ping(fd, output, bytes) : bare_ping(bare, bytes)))
			return false;
		took[calls] = now_us() - began;
	}
	*figures = figures_of(calls);
	return true;
}

static int connect_raw(const struct endpoint *endpoint, bool is_unix, const char *where)
{
	const struct timeval limit = { CONNECT_S, 0 };
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	snprintf(here.sun_path + 1, sizeof here.sun_path - 1, "%s", where);
	if (!is_unix && getaddrinfo(endpoint->host, where, &hints, &found) != 0)
		return -1;
	const struct sockaddr *address = is_unix ? (struct sockaddr *)&here : found->ai_addr;
	const socklen_t length = is_unix ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(where))
					 : found->ai_addrlen;
	int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* It also bounds the connecting. */
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
			connect(fd, address, length) != 0)) {
		close(fd);
		fd = -1;
	}
	if (found != NULL)
		freeaddrinfo(found);
	if (fd >= 0 && !is_unix)
		socket_tune(fd);
	return fd;
}

/* The bare ping-pong of all sizes, which the worker serves within a call; false without one. */
static bool measure_raw(gleaner_lease *lease, bool is_unix, const char *provider, struct figures figures[SIZES])
{
	const char *order = is_unix ? ORDER_UNIX : ORDER_TCP;
	char where[MAX_TEXT] = "", serve[MAX_TEXT], problem[OFI_MAX_PROBLEM_BYTES];
	size_t got = 0;
	if (gleaner_invoke(lease, order, strlen(order), where, sizeof where - 1, &got) != GLEANER_OK || got == 0)
		return false;
	snprintf(serve, sizeof serve, ORDER_SERVE "%s", provider);
	gleaner_call *call = gleaner_submit(lease, serve, strlen(serve), output, LARGEST);
	gleaner_flush(lease);
	int fd = connect_raw(&lease->connections[0]->endpoint, is_unix, where);
	struct bare *bare = fd >= 0 && provider[0] != '\0' ? bare_open(provider, fd, LARGEST, problem) : NULL;
	bool is_timed = fd >= 0 && (provider[0] == '\0' || bare != NULL);
	for (size_t at = 0; at < SIZES && is_timed; at++)
		is_timed = time_raw(fd, bare, sizes[at], &figures[at]);
	if (fd >= 0)
		close(fd);
	if (bare != NULL)
		bare_close(bare);
	if (call != NULL)
		(void)gleaner_wait(call);
	gleaner_call_free(call);
	return is_timed;
}

static void say_string(const char *text)
{
	for (; *text != '\0'; text++)
		printf(*text == '"' || *text == '\\' ? "\\%c" : (unsigned char)*text < ' ' ? " " : "%c", *text);
}

static void say_problem(const char *transport, const char *problem)
{
	printf("{\"transport\":\"%s\",\"problem\":\"", transport);
	say_string(problem);
	printf("\"}\n");
}

static gleaner_lease *connect_over(const struct endpoint *endpoint, gleaner_transport transport)
{
	const gleaner_options options = { .transport = transport };
	gleaner_lease *lease = lease_make(&options);
	if (lease == NULL)
		exit(1);
	/* The lease says why there is no connection. */
	(void)lease_add_endpoint(lease, endpoint);
	return lease;
}

static void measure(const struct endpoint *endpoint, const char *name, gleaner_transport transport)
{
	struct figures called[SIZES], raw[SIZES];
	gleaner_lease *lease = connect_over(endpoint, transport);
	const bool is_open = gleaner_lease_workers(lease) > 0;
	bool is_timed = is_open;
	for (size_t at = 0; at < SIZES && is_timed; at++)
		is_timed = time_lease(lease, sizes[at], &called[at]);
	if (!is_timed)
		say_problem(name, gleaner_lease_message(lease));
	else {
		const char *provider = transport == GLEANER_TRANSPORT_OFI ? lease->connections[0]->ofi_provider : "";
		const bool has_raw = transport != GLEANER_TRANSPORT_SHM &&
				     measure_raw(lease, transport == GLEANER_TRANSPORT_UNIX, provider, raw);
		printf("{\"transport\":\"%s\",\"provider\":\"%s\",\"sizes\":[", name, provider);
		for (size_t at = 0; at < SIZES; at++) {
			printf("%s{\"bytes\":%u,\"calls\":%u,\"p50Us\":%.2f,\"p99Us\":%.2f", at == 0 ? "" : ",", sizes[at],
			       called[at].calls, called[at].p50_us, called[at].p99_us);
			if (has_raw)
				printf(",\"rawP50Us\":%.2f,\"rawP99Us\":%.2f", raw[at].p50_us, raw[at].p99_us);
			printf("}");
		}
		printf("]}\n");
	}
	fflush(stdout);
	gleaner_lease_close(lease);
}

/* What programs get that ask for nothing. */
static void say_used(const struct endpoint *endpoint)
{
	gleaner_lease *lease = connect_over(endpoint, GLEANER_TRANSPORT_BEST);
	const struct connection *connection = lease->connections[0];
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof address;
	const char *used = connection->memory != NULL ? "shm" : connection->ofi != NULL ? "ofi" : "tcp";
	if (connection->fd < 0)
		say_problem("best", gleaner_lease_message(lease));
	else {
		(void)getsockname(connection->fd, (struct sockaddr *)&address, &length);
		bool is_unix = connection->memory == NULL && address.ss_family == AF_UNIX;
		printf("{\"used\":\"%s\"}\n", is_unix ? "unix" : used);
	}
	gleaner_lease_close(lease);
}

static bool read_endpoint(struct endpoint *endpoint)
{
	static char lines[6][LONGEST_LINE];
	for (size_t at = 0; at < 6; at++) {
		if (fgets(lines[at], LONGEST_LINE, stdin) == NULL)
			return false;
		lines[at][strcspn(lines[at], "\n")] = '\0';
	}
	const gleaner_endpoint given = {
		.worker = lines[0], .host = lines[1], .port = (uint16_t)strtoul(lines[2], NULL, 10),
		.socket = lines[3], .host_id = lines[4], .key = lines[5],
	};
	return endpoint_make(endpoint, &given);
}

int main(int argc, char **argv)
{
	struct endpoint endpoint;
	if (argc > 1)
		longest_us = strtod(argv[1], NULL) * 1e3;
	if (!read_endpoint(&endpoint)) {
		fprintf(stderr, "usage: glean-lease-bench [MS] < ENDPOINT, as glean lease --bench calls it\n");
		return 2;
	}
	input = calloc(1, LARGEST);
	output = calloc(1, LARGEST);
	if (input == NULL || output == NULL)
		return 1;
	measure(&endpoint, "shm", GLEANER_TRANSPORT_SHM);
	measure(&endpoint, "unix", GLEANER_TRANSPORT_UNIX);
	measure(&endpoint, "tcp", GLEANER_TRANSPORT_TCP);
	measure(&endpoint, "ofi", GLEANER_TRANSPORT_OFI);
	say_used(&endpoint);
	free(input);
	free(output);
	return 0;
}
