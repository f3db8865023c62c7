/* The program that holds the lease: `glean lease hold`, which speaks with gleanerd and says over a
 * socket which workers there are. It also makes calls through gleanerd, and ends the lease when its
 * standard input ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#define MAX_ARGUMENTS 32
#define NUMBER_BYTES 16
/* A process that was killed is gone by then, unless the kernel keeps it. */
#define KILLED_MS 1000
/* Calls through gleanerd at once: the others wait for a worker. */
#define MOST_IN_FLIGHT 32

extern char **environ;

struct hold {
	pid_t pid;
	/* Whose child it is. */
	pid_t parent;
	/* Its standard input and output. */
	struct connection line;
	bool was_granted, is_active, is_over;
};

struct arguments {
	const char *list[MAX_ARGUMENTS];
	char numbers[MAX_ARGUMENTS][NUMBER_BYTES];
	size_t count;
};

static void add_number(struct arguments *arguments, const char *option, long value)
{
	if (value == 0)
		return;
	char *text = arguments->numbers[arguments->count];
	snprintf(text, NUMBER_BYTES, "%ld", value);
	arguments->list[arguments->count++] = option;
	arguments->list[arguments->count++] = text;
}

static bool start(struct hold *hold, const char *program, const char *const *arguments)
{
	int pair[2];
	posix_spawn_file_actions_t actions;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
	bool is_started = posix_spawnp(&hold->pid, program, &actions, NULL, (char *const *)arguments, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	close(pair[1]);
	hold->line.fd = pair[0];
	if (!is_started)
		close(pair[0]);
	return is_started;
}

struct hold *hold_start(const gleaner_options *options)
{
	const char *program = options->glean == NULL ? "glean" : options->glean;
	struct arguments arguments = { .list = { program, "lease", "hold", options->function }, .count = 4 };
	add_number(&arguments, "--workers", options->workers);
	add_number(&arguments, "--at-least", options->at_least);
	add_number(&arguments, "--cores", options->cores);
	add_number(&arguments, "--memory", options->memory_mb);
	add_number(&arguments, "--ttl-ms", options->ttl_ms);
	add_number(&arguments, "--hot-ms", options->hot_ms);
	struct hold *hold = calloc(1, sizeof *hold);
	if (hold == NULL)
		return NULL;
	hold->parent = getpid();
	hold->line.is_hold = true;
	hold->line.max_in_flight = hold->line.concurrency = MOST_IN_FLIGHT;
	if (start(hold, program, arguments.list))
		return hold;
	free(hold);
	return NULL;
}

bool hold_is_active(const struct hold *hold)
{
	return hold->is_active;
}

bool hold_is_over(const struct hold *hold)
{
	return hold->is_over;
}

bool hold_was_granted(const struct hold *hold)
{
	return hold->was_granted;
}

bool hold_has_calls(const struct hold *hold)
{
	return hold->line.in_flight > 0 || hold->line.receiving != NULL;
}

struct connection *hold_line(struct hold *hold)
{
	return &hold->line;
}

void hold_breaks_off(struct hold *hold)
{
	hold->line.lent = NULL;
	hold->line.lent_bytes = 0;
	/* It ends then, as at the end of its program. */
	shutdown(hold->line.fd, SHUT_WR);
}

/* Its workers follow, each as an endpoint. */
static bool take_lease(gleaner_lease *lease, struct hold *hold, const char *data, size_t length)
{
	const char *state = fields_find(data, length, "state"), *reason = fields_find(data, length, "reason");
	if (state == NULL)
		return false;
	hold->was_granted = true;
	hold->is_active = strcmp(state, "ACTIVE") == 0;
	hold->is_over = strcmp(state, "ENDED") == 0 || strcmp(state, "TERMINATING") == 0;
	for (size_t at = 0; at < lease->count; at++)
		lease->connections[at]->is_leased = false;
	if (reason != NULL && reason[0] != '\0')
		lease_say(lease, reason);
	return true;
}

static bool take_endpoint(gleaner_lease *lease, const char *data, size_t length)
{
	struct endpoint endpoint;
	const gleaner_endpoint from = {
		.worker = fields_find(data, length, "worker"),
		.host = fields_find(data, length, "host"),
		.port = (uint16_t)fields_number(data, length, "port", 0),
		.socket = fields_find(data, length, "socket"),
		.host_id = fields_find(data, length, "hostId"),
		.key = fields_find(data, length, "key"),
	};
	if (!endpoint_make(&endpoint, &from))
		return false;
	struct connection *known = lease_find(lease, endpoint.worker);
	if (known == NULL) {
		(void)lease_know_endpoint(lease, &endpoint);
		/* Calls wait for it. */
		lease->no_worker_since_ms = 0;
		return true;
	}
	known->is_leased = true;
	if (strcmp(known->endpoint.host, endpoint.host) != 0) {
		memcpy(known->endpoint.host, endpoint.host, sizeof endpoint.host);
		known->connect_at_ms = known->connect_pause_ms = 0;
	}
	return true;
}

static void end_call(gleaner_lease *lease, const struct frame_header *header, const char *payload)
{
	const size_t length = header->payload_bytes;
	gleaner_call *call = connection_take_call(&lease->hold->line, header->id);
	const char *type = fields_find(payload, length, "type"), *reason = fields_find(payload, length, "reason");
	if (call == NULL)
		return;
	if (header->type == DIRECT_ENDED) {
		/* The next ones wait again, for workers as for gleanerd. */
		if (lease->no_worker_since_ms != 0)
			lease->no_worker_since_ms = lease->now_ms;
		lease_say(lease, reason == NULL ? "gleanerd did not take the call" : reason);
		call_end(call, GLEANER_NO_WORKER);
	} else if (type != NULL && strcmp(type, "TIMEOUT") == 0) {
		lease_say(lease, "no answer came by the deadline; the call may have run");
		call_end(call, GLEANER_DEADLINE);
	} else
		call_failed(call, payload, length);
}

bool hold_takes_frame(gleaner_lease *lease, const struct frame_header *header, const char *payload)
{
	switch (header->type) {
	case HOLD_LEASE:
		return take_lease(lease, lease->hold, payload, header->payload_bytes);
	case HOLD_ENDPOINT:
		return take_endpoint(lease, payload, header->payload_bytes);
	case FRAME_ERROR:
	case DIRECT_ENDED:
		end_call(lease, header, payload);
		return true;
	default:
		return false;
	}
}

bool hold_read(gleaner_lease *lease, struct hold *hold, int wait_ms)
{
	struct connection *line = &hold->line;
	struct pollfd ready = { line->fd, POLLIN, 0 };
	if (!connection_send(line, false))
		return false;
	while (poll(&ready, 1, wait_ms) == 1) {
		if (!connection_receive(lease, line, false))
			return false;
		/* Endpoints follow their lease. */
		if (hold->is_over || (hold->is_active && lease->count > 0))
			wait_ms = 0;
	}
	return true;
}

/* Whether it has by then. No event tells that on all kernels. */
static bool exits_by(pid_t pid, long until)
{
	pid_t exited;
	for (int pause_ms = 1; (exited = waitpid(pid, NULL, WNOHANG)) == 0 && now_ms() < until; pause_ms = 10)
		(void)poll(NULL, 0, pause_ms);
	return exited != 0;
}

void lease_end_hold(gleaner_lease *lease, long patience_ms)
{
	struct hold *hold = lease->hold;
	struct pollfd closed = { hold->line.fd, POLLIN, 0 };
	char rest[256];
	lease->hold = NULL;
	/* A forked process leaves the lease to its parent. */
	const bool is_own = hold->parent == getpid();
	if (is_own)
		shutdown(closed.fd, SHUT_WR);
	else
		patience_ms = 0;
	const long until = now_ms() + patience_ms;
	for (long left = patience_ms; left > 0; left = until - now_ms()) {
		int ready = poll(&closed, 1, (int)left);
		if (ready < 0 && errno == EINTR)
			continue;
		const ssize_t got = ready == 1 ? read(closed.fd, rest, sizeof rest) : 0;
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
	}
	lease_give_up(lease, &hold->line);
	if (is_own && !exits_by(hold->pid, until)) {
		kill(hold->pid, SIGKILL);
		(void)exits_by(hold->pid, now_ms() + KILLED_MS);
	}
	free(hold);
}
