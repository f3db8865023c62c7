/* The program that holds the lease: `glean lease hold`, which speaks with gleanerd and says over
 * its standard output which workers there are. It ends the lease when its standard input ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#define MAX_ARGUMENTS 32
#define NUMBER_BYTES 16
#define END_MS 2000

extern char **environ;

struct hold {
	pid_t pid;
	/* Its standard input and output. */
	int input, output;
	bool is_active;
	uint8_t data[FRAME_HEADER_BYTES + MAX_FIELDS_BYTES];
	size_t filled;
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
	int in[2], out[2];
	posix_spawn_file_actions_t actions;
	if (pipe2(in, O_CLOEXEC) != 0)
		return false;
	if (pipe2(out, O_CLOEXEC) != 0) {
		close(in[0]);
		close(in[1]);
		return false;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	bool is_started = posix_spawnp(&hold->pid, program, &actions, NULL, (char *const *)arguments, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	hold->input = in[1];
	hold->output = out[0];
	if (is_started)
		return true;
	close(hold->input);
	close(hold->output);
	return false;
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
	if (hold == NULL || start(hold, program, arguments.list))
		return hold;
	free(hold);
	return NULL;
}

bool hold_is_active(const struct hold *hold)
{
	return hold->is_active;
}

static bool take_lease(gleaner_lease *lease, struct hold *hold, const char *data, size_t length)
{
	const char *state = fields_find(data, length, "state"), *reason = fields_find(data, length, "reason");
	if (state == NULL)
		return false;
	hold->is_active = strcmp(state, "ACTIVE") == 0;
	if (reason != NULL && reason[0] != '\0')
		lease_say(lease, reason);
	return strcmp(state, "ENDED") != 0;
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
	if (!lease_has_endpoint(lease, endpoint.worker))
		(void)lease_add_endpoint(lease, &endpoint);
	return true;
}

/* Handles the whole frames that were read; false for what is none. */
static bool take_frames(gleaner_lease *lease, struct hold *hold)
{
	struct frame_header header;
	while (hold->filled >= FRAME_HEADER_BYTES) {
		if (!frame_decode_hold(hold->data, &header))
			return false;
		size_t whole = FRAME_HEADER_BYTES + (size_t)header.payload_bytes;
		if (hold->filled < whole)
			return true;
		const char *data = (const char *)hold->data + FRAME_HEADER_BYTES;
		bool goes_on = fields_are_valid(data, header.payload_bytes);
		if (goes_on && header.type == HOLD_LEASE)
			goes_on = take_lease(lease, hold, data, header.payload_bytes);
		else if (goes_on && header.type == HOLD_ENDPOINT)
			goes_on = take_endpoint(lease, data, header.payload_bytes);
		if (!goes_on)
			return false;
		hold->filled -= whole;
		memmove(hold->data, hold->data + whole, hold->filled);
	}
	return true;
}

bool hold_read(gleaner_lease *lease, struct hold *hold, int wait_ms)
{
	struct pollfd ready = { hold->output, POLLIN, 0 };
	while (poll(&ready, 1, wait_ms) == 1) {
		ssize_t got = read(hold->output, hold->data + hold->filled, sizeof hold->data - hold->filled);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		hold->filled += (size_t)got;
		if (!take_frames(lease, hold))
			return false;
		/* Endpoints follow their lease. */
		if (hold->is_active && lease->count > 0)
			wait_ms = 0;
	}
	return true;
}

static bool has_ended(pid_t pid, int flags)
{
	pid_t ended;
	do
		ended = waitpid(pid, NULL, flags);
	while (ended < 0 && errno == EINTR);
	return ended != 0;
}

void hold_end(struct hold *hold)
{
	struct pollfd ended = { hold->output, POLLIN, 0 };
	char rest[256];
	const long until = now_ms() + END_MS;
	close(hold->input);
	for (long left = END_MS; left > 0 && poll(&ended, 1, (int)left) == 1; left = until - now_ms())
		if (read(hold->output, rest, sizeof rest) <= 0)
			break;
	close(hold->output);
	if (!has_ended(hold->pid, WNOHANG) && now_ms() >= until)
		kill(hold->pid, SIGKILL);
	has_ended(hold->pid, 0);
	free(hold);
}
