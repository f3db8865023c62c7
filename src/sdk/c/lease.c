/* A lease: its workers, and which of them gets which call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

#define DEFAULT_DEADLINE_MS 60000
/* In which `glean lease hold` ends the lease. */
#define END_MS 2000
/* How long a worker that was busy gets no call. */
#define LEAST_REST_MS 1
#define MOST_REST_MS 64

long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void lease_say(gleaner_lease *lease, const char *message)
{
	snprintf(lease->message, sizeof lease->message, "%s", message);
}

gleaner_lease *lease_make(const gleaner_options *options)
{
	gleaner_lease *lease = calloc(1, sizeof *lease);
	if (lease == NULL)
		return NULL;
	lease->retry = options->retry;
	lease->transport = options->transport;
	lease->deadline_ms = options->deadline_ms == 0 ? DEFAULT_DEADLINE_MS : options->deadline_ms;
	lease->ring_bytes = options->ring_bytes == 0 ? DEFAULT_RING_BYTES : options->ring_bytes;
	lease->now_ms = now_ms();
	return lease;
}

struct connection *lease_find(const gleaner_lease *lease, const char *worker)
{
	for (size_t at = 0; at < lease->count; at++)
		if (strcmp(lease->connections[at]->endpoint.worker, worker) == 0)
			return lease->connections[at];
	return NULL;
}

void connection_free(struct connection *connection)
{
	explicit_bzero(connection->endpoint.key, SHA256_BYTES);
	free(connection);
}

void lease_not_connected(gleaner_lease *lease, const struct connection *connection)
{
	lease_say(lease, connection->problem[0] != '\0'
				 ? connection->problem
				 : "a worker cannot be reached, or did not prove that it is the leased one");
}

bool lease_connect(gleaner_lease *lease, struct connection *connection)
{
	if (connection_open(connection, lease->transport, lease->ring_bytes))
		return true;
	lease_not_connected(lease, connection);
	return false;
}

struct connection *lease_know_endpoint(gleaner_lease *lease, const struct endpoint *endpoint)
{
	struct connection *made = calloc(1, sizeof *made);
	struct connection **grown = realloc(lease->connections, (lease->count + 1) * sizeof(struct connection *));
	if (grown != NULL)
		lease->connections = grown;
	if (made == NULL || grown == NULL) {
		free(made);
		return NULL;
	}
	made->endpoint = *endpoint;
	made->is_leased = true;
	made->fd = -1;
	return lease->connections[lease->count++] = made;
}

bool lease_add_endpoint(gleaner_lease *lease, const struct endpoint *endpoint)
{
	/* One that cannot be reached is remembered as such. */
	struct connection *made = lease_know_endpoint(lease, endpoint);
	return made != NULL && lease_connect(lease, made);
}

gleaner_call *connection_take_call(struct connection *connection, uint64_t id)
{
	for (gleaner_call **at = &connection->buckets[id % BUCKETS]; *at != NULL; at = &(*at)->next) {
		gleaner_call *call = *at;
		if (call->id != id)
			continue;
		*at = call->next;
		call->next = NULL;
		connection->in_flight--;
		return call;
	}
	/* The answer for which nobody waits. */
	if (connection->abandoned > 0)
		connection->abandoned--;
	return NULL;
}

void call_end(gleaner_call *call, gleaner_error error)
{
	call->error = error;
	call->lease->unended--;
	if (call->callback != NULL)
		call->callback(call, error, call->output_bytes, call->argument);
}

void call_again(gleaner_call *call)
{
	gleaner_lease *lease = call->lease;
	if (!call_moves_input(call)) {
		lease_say(lease, "the input that was written in place was lost with its worker");
		call_end(call, GLEANER_LEASE_LOST);
		return;
	}
	call->attempt++;
	/* Before the ones that came later. */
	call->next = lease->first;
	lease->first = call;
	if (lease->last == NULL)
		lease->last = call;
}

void call_failed(gleaner_call *call, const char *fields, size_t length)
{
	const char *type = fields_find(fields, length, "type"), *message = fields_find(fields, length, "message");
	snprintf(call->lease->message, sizeof call->lease->message, "%s: %s", type == NULL ? "Error" : type,
		 message == NULL ? "" : message);
	call_end(call, GLEANER_FUNCTION_FAILED);
}

/* Longer each time, unless it has taken calls in between. */
static void rest(struct connection *connection, long now)
{
	bool was_long_ago = now - connection->rests_until_ms > MOST_REST_MS;
	long twice = was_long_ago ? LEAST_REST_MS : 2 * connection->rest_ms;
	connection->rest_ms = twice < MOST_REST_MS ? twice : MOST_REST_MS;
	connection->rests_until_ms = now + connection->rest_ms;
}

bool connection_takes_frame(gleaner_lease *lease, struct connection *connection, const struct frame_header *header,
			    const uint8_t *payload)
{
	const bool has_fields = header->type == FRAME_ERROR || connection->is_hold;
	if (has_fields && !fields_are_valid((const char *)payload, header->payload_bytes))
		return false;
	if (connection->is_hold)
		return hold_takes_frame(lease, header, (const char *)payload);
	/* A frame that no worker sends leaves the call to be ended with the connection. */
	const bool ends_call = header->type == FRAME_ERROR || header->type == DIRECT_BUSY || header->type == DIRECT_ENDED;
	gleaner_call *call = ends_call && header->id != 0 ? connection_take_call(connection, header->id) : NULL;
	switch (header->type) {
	case FRAME_ERROR:
		if (call != NULL)
			call_failed(call, (const char *)payload, header->payload_bytes);
		return true;
	case DIRECT_BUSY:
	case DIRECT_ENDED:
		/* It was not run. */
		if (header->type == DIRECT_ENDED)
			connection->is_terminating = true;
		else
			rest(connection, lease->now_ms);
		if (call != NULL)
			call_again(call);
		return header->id != 0;
	case DIRECT_TERMINATING:
		connection->is_terminating = true;
		return true;
	default:
		return false;
	}
}

/* What was sent when the connection broke. */
static void send_elsewhere(gleaner_lease *lease, gleaner_call *call)
{
	if (lease->retry == GLEANER_RETRY_EVICTED) {
		call->lost++;
		call_again(call);
		return;
	}
	lease_say(lease, "the connection to the worker broke; the call may have run");
	call_end(call, GLEANER_LEASE_LOST);
}

void lease_give_up(gleaner_lease *lease, struct connection *connection)
{
	gleaner_call *receiving = connection->receiving;
	connection_close(connection);
	connection->receiving = NULL;
	connection->lent = NULL;
	free(connection->failure);
	connection->failure = NULL;
	if (receiving != NULL)
		send_elsewhere(lease, receiving);
	for (size_t bucket = 0; bucket < BUCKETS; bucket++)
		while (connection->buckets[bucket] != NULL)
			send_elsewhere(lease, connection_take_call(connection, connection->buckets[bucket]->id));
}

/* For another lease later. */
static bool keep_asked(gleaner_lease *lease, const gleaner_options *options)
{
	lease->asked = *options;
	lease->asked.function = strdup(options->function);
	lease->asked.glean = options->glean == NULL ? NULL : strdup(options->glean);
	return lease->asked.function != NULL && (lease->asked.glean != NULL || options->glean == NULL);
}

gleaner_error gleaner_lease_open(const gleaner_options *options, gleaner_lease **lease)
{
	if (lease == NULL)
		return invalid("the place for the lease is NULL");
	*lease = NULL;
	if (check_open(options) != GLEANER_OK)
		return GLEANER_INVALID;
	gleaner_lease *made = lease_make(options);
	if (made == NULL)
		return GLEANER_NO_MEMORY;
	if (!keep_asked(made, options)) {
		gleaner_lease_close(made);
		return GLEANER_NO_MEMORY;
	}
	made->hold = hold_start(&made->asked);
	while (made->hold != NULL && !hold_is_active(made->hold) && !hold_is_over(made->hold) &&
	       hold_read(made, made->hold, -1))
		;
	if (made->hold != NULL && hold_is_active(made->hold)) {
		for (size_t at = 0; at < made->count; at++)
			(void)lease_connect(made, made->connections[at]);
		*lease = made;
		return GLEANER_OK;
	}
	gleaner_lease_close(made);
	return GLEANER_NOT_GRANTED;
}

static bool copy_text(char *to, size_t size, const char *from)
{
	return from == NULL || (size_t)snprintf(to, size, "%s", from) < size;
}

bool endpoint_make(struct endpoint *made, const gleaner_endpoint *from)
{
	*made = (struct endpoint){ .port = from->port };
	return from->worker != NULL && from->key != NULL && copy_text(made->worker, sizeof made->worker, from->worker) &&
	       copy_text(made->host, sizeof made->host, from->host) &&
	       copy_text(made->socket, sizeof made->socket, from->socket) &&
	       copy_text(made->host_id, sizeof made->host_id, from->host_id) &&
	       hex_read(made->key, sizeof made->key, from->key);
}

gleaner_error gleaner_connect_endpoint(const gleaner_endpoint *endpoints, size_t count,
				       const gleaner_options *options, gleaner_lease **lease)
{
	static const gleaner_options defaults = { 0 };
	if (lease == NULL || endpoints == NULL || count == 0)
		return invalid("there is no endpoint, or the place for the lease is NULL");
	*lease = NULL;
	if (options != NULL && check_connect(options) != GLEANER_OK)
		return GLEANER_INVALID;
	gleaner_lease *made = lease_make(options == NULL ? &defaults : options);
	if (made == NULL)
		return GLEANER_NO_MEMORY;
	size_t connected = 0;
	bool are_valid = true;
	for (size_t at = 0; at < count && are_valid; at++) {
		struct endpoint endpoint;
		are_valid = endpoint_make(&endpoint, &endpoints[at]);
		connected += are_valid && lease_add_endpoint(made, &endpoint);
	}
	if (are_valid && connected > 0) {
		*lease = made;
		return GLEANER_OK;
	}
	gleaner_lease_close(made);
	return are_valid ? GLEANER_NO_WORKER
			 : invalid("an endpoint is invalid: expected its worker, its key in hex and where it serves");
}

void gleaner_lease_close(gleaner_lease *lease)
{
	if (lease == NULL)
		return;
	lease->retry = GLEANER_RETRY_NEVER;
	/* Callbacks may pump, but nothing connects. */
	lease->is_closing = true;
	lease->pumps++;
	for (size_t at = 0; at < lease->count; at++)
		lease_give_up(lease, lease->connections[at]);
	if (lease->hold != NULL)
		lease_end_hold(lease, END_MS);
	while (lease->first != NULL)
		call_end(lease_take_first(lease), GLEANER_LEASE_LOST);
	for (size_t at = 0; at < lease->count; at++)
		connection_free(lease->connections[at]);
	free((char *)lease->asked.function);
	free((char *)lease->asked.glean);
	free(lease->connections);
	free(lease);
}

size_t gleaner_lease_workers(const gleaner_lease *lease)
{
	size_t open = 0;
	if (lease == NULL)
		return 0;
	for (size_t at = 0; at < lease->count; at++)
		open += lease->connections[at]->fd >= 0 && !lease->connections[at]->is_terminating;
	return open;
}

const char *gleaner_lease_message(const gleaner_lease *lease)
{
	return lease == NULL ? "there is no lease" : lease->message;
}

const char *gleaner_error_message(gleaner_error error)
{
	static const char *const messages[] = {
		[GLEANER_OK] = "the call ended",
		[GLEANER_RUNNING] = "the call has not ended: wait for it",
		[GLEANER_NO_MEMORY] = "there is no memory",
		[GLEANER_NOT_GRANTED] = "no lease was granted: see whether glean is in PATH and what `glean lease hold FUNCTION` says",
		[GLEANER_FUNCTION_FAILED] = "the function failed: gleaner_lease_message has its words",
		[GLEANER_OUTPUT_TOO_LARGE] = "the output is larger than its buffer: pass a larger one",
		[GLEANER_DEADLINE] = "no answer came by the deadline; the call may have run",
		[GLEANER_LEASE_LOST] = "the connection to the worker broke; the call may have run",
		[GLEANER_NO_WORKER] = "no worker can be reached; the call did not run there",
	};
	bool is_known = (size_t)error < sizeof messages / sizeof *messages;
	if (error == GLEANER_INVALID)
		return invalid_message();
	return is_known ? messages[error] : "an unknown error";
}
