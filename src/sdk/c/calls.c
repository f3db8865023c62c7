/* Sends calls to the workers of a lease, and waits for their ends. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* How long calls wait for a worker in place of those that are gone. */
#define REPLACEMENT_MS 1000
/* How often deadlines and the lease are looked after. */
#define CHECK_MS 20
#define WAIT_MS 100
#define MAX_POLLED 64

static struct connection *least_busy(const gleaner_lease *lease)
{
	struct connection *best = NULL;
	for (size_t at = 0; at < lease->count; at++) {
		struct connection *each = lease->connections[at];
		if (connection_takes(each) && (best == NULL || each->in_flight < best->in_flight))
			best = each;
	}
	return best;
}

static gleaner_call *take_first(gleaner_lease *lease)
{
	gleaner_call *call = lease->first;
	lease->first = call->next;
	if (lease->first == NULL)
		lease->last = NULL;
	call->next = NULL;
	return call;
}

static void dispatch(gleaner_lease *lease)
{
	struct connection *connection;
	while (lease->first != NULL && (connection = least_busy(lease)) != NULL) {
		gleaner_call *call = take_first(lease);
		/* The head of a call without a name is shorter than this. */
		if (connection->has_rings &&
		    !ring_can_hold(&connection->rings.out, RING_ALIGNMENT, call->input_bytes)) {
			lease_say(lease, "the input does not fit into the shared memory: pass a larger ring_bytes");
			call_end(call, GLEANER_INVALID);
			continue;
		}
		if (connection_add(connection, call))
			continue;
		call->next = lease->first;
		lease->first = call;
		if (lease->last == NULL)
			lease->last = call;
		return;
	}
}

/* Sends for all; returns how many connections are open, and the last of them. */
static size_t send_all(gleaner_lease *lease, struct connection **open)
{
	size_t count = 0;
	for (size_t at = 0; at < lease->count; at++) {
		struct connection *each = lease->connections[at];
		if (each->fd < 0)
			continue;
		if (!connection_send(each)) {
			lease_give_up(lease, each);
			continue;
		}
		*open = each;
		count++;
	}
	return count;
}

static void receive_all(gleaner_lease *lease)
{
	for (size_t at = 0; at < lease->count; at++) {
		struct connection *each = lease->connections[at];
		if (each->fd >= 0 && !connection_receive(lease, each, false))
			lease_give_up(lease, each);
	}
}

/* Waits until any connection can go on. */
static void wait_for_any(gleaner_lease *lease)
{
	struct pollfd polled[MAX_POLLED];
	size_t count = 0;
	bool is_empty = true;
	for (size_t at = 0; at < lease->count && count < MAX_POLLED; at++) {
		struct connection *each = lease->connections[at];
		if (each->fd < 0)
			continue;
		polled[count++] = (struct pollfd){ each->fd, POLLIN | (connection_has_unsent(each) ? POLLOUT : 0), 0 };
		if (each->has_rings && !ring_sleeps_empty(&each->rings.in))
			is_empty = false;
	}
	if (is_empty)
		(void)poll(polled, count, count == lease->count || lease->hold == NULL ? WAIT_MS : CHECK_MS);
	for (size_t at = 0; at < lease->count; at++)
		if (lease->connections[at]->has_rings)
			ring_is_awake(&lease->connections[at]->rings);
}

/* Takes the calls out of a list whose time is over. */
static gleaner_call *late_of(gleaner_call **list, long now)
{
	for (; *list != NULL; list = &(*list)->next) {
		gleaner_call *call = *list;
		if (call->deadline_ms > now)
			continue;
		*list = call->next;
		return call;
	}
	return NULL;
}

static void end_late(gleaner_lease *lease, gleaner_call *call)
{
	lease_say(lease, "no answer came by the deadline; the call may have run");
	call_end(call, GLEANER_DEADLINE);
}

static void end_late_of(gleaner_lease *lease, struct connection *connection, long now)
{
	gleaner_call *call;
	for (size_t bucket = 0; bucket < BUCKETS; bucket++)
		while ((call = late_of(&connection->buckets[bucket], now)) != NULL) {
			connection->in_flight--;
			const uint8_t *input = call->input;
			/* Its input must not be read any more. */
			bool is_lent = connection->lent != NULL && connection->lent >= input &&
				       connection->lent < input + call->input_bytes;
			end_late(lease, call);
			if (is_lent)
				lease_give_up(lease, connection);
		}
	if (connection->receiving != NULL && connection->receiving->deadline_ms <= now) {
		call = connection->receiving;
		/* The rest is read and dropped. */
		connection->receiving = NULL;
		end_late(lease, call);
	}
}

static void end_without_worker(gleaner_lease *lease, long now)
{
	if (gleaner_lease_workers(lease) > 0 || lease->first == NULL) {
		lease->no_worker_since_ms = 0;
		return;
	}
	if (lease->no_worker_since_ms == 0)
		lease->no_worker_since_ms = now;
	if (lease->hold != NULL && now - lease->no_worker_since_ms < REPLACEMENT_MS)
		return;
	while (lease->first != NULL) {
		gleaner_call *call = take_first(lease);
		lease_say(lease, "no worker of the lease is left, and none came in its place");
		call_end(call, GLEANER_NO_WORKER);
	}
}

/* Deadlines, and workers that come and go. */
static void look_after(gleaner_lease *lease)
{
	const long now = now_ms();
	gleaner_call *call;
	if (now < lease->next_check_ms)
		return;
	lease->next_check_ms = now + CHECK_MS;
	if (lease->hold != NULL && !hold_read(lease, lease->hold, 0)) {
		hold_end(lease->hold);
		lease->hold = NULL;
	}
	for (size_t at = 0; at < lease->count; at++)
		end_late_of(lease, lease->connections[at], now);
	while ((call = late_of(&lease->first, now)) != NULL)
		end_late(lease, call);
	lease->last = lease->first;
	while (lease->last != NULL && lease->last->next != NULL)
		lease->last = lease->last->next;
	end_without_worker(lease, now);
}

static void pump(gleaner_lease *lease, bool may_wait)
{
	struct connection *open = NULL;
	dispatch(lease);
	size_t count = send_all(lease, &open);
	bool is_plain = count == 1 && !connection_has_unsent(open) && lease->first == NULL;
	if (may_wait && is_plain) {
		if (!connection_receive(lease, open, true))
			lease_give_up(lease, open);
	} else {
		if (may_wait)
			wait_for_any(lease);
		receive_all(lease);
	}
	look_after(lease);
}

gleaner_call *gleaner_submit_callback(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
				      size_t output_capacity, gleaner_callback *callback, void *argument)
{
	gleaner_call *call = input_bytes > MAX_PAYLOAD_BYTES ? NULL : malloc(sizeof *call);
	if (call == NULL)
		return NULL;
	*call = (gleaner_call){
		.lease = lease, .input = input, .input_bytes = input_bytes, .output = output,
		.output_capacity = output_capacity, .error = GLEANER_RUNNING, .attempt = 1,
		.deadline_ms = now_ms() + lease->deadline_ms, .callback = callback, .argument = argument,
	};
	if (lease->last == NULL)
		lease->first = call;
	else
		lease->last->next = call;
	lease->last = call;
	lease->unended++;
	return call;
}

gleaner_call *gleaner_submit(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
			     size_t output_capacity)
{
	return gleaner_submit_callback(lease, input, input_bytes, output, output_capacity, NULL, NULL);
}

void gleaner_flush(gleaner_lease *lease)
{
	pump(lease, false);
}

gleaner_error gleaner_poll(gleaner_call *call)
{
	if (call->error == GLEANER_RUNNING)
		pump(call->lease, false);
	return call->error;
}

gleaner_error gleaner_wait(gleaner_call *call)
{
	/* A callback may free the call, but not while it is waited for. */
	while (call->error == GLEANER_RUNNING)
		pump(call->lease, true);
	return call->error;
}

size_t gleaner_call_output_bytes(const gleaner_call *call)
{
	return call->output_bytes;
}

void gleaner_call_free(gleaner_call *call)
{
	if (call != NULL && call->error != GLEANER_RUNNING)
		free(call);
}

gleaner_error gleaner_invoke(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
			     size_t output_capacity, size_t *output_bytes)
{
	gleaner_call *call = gleaner_submit(lease, input, input_bytes, output, output_capacity);
	if (call == NULL)
		return input_bytes > MAX_PAYLOAD_BYTES ? GLEANER_INVALID : GLEANER_NO_MEMORY;
	gleaner_error error = gleaner_wait(call);
	if (output_bytes != NULL)
		*output_bytes = call->output_bytes;
	free(call);
	return error;
}

gleaner_error gleaner_map(gleaner_lease *lease, size_t count, const void *inputs, size_t input_bytes,
			  void *outputs, size_t output_capacity, size_t *output_bytes)
{
	gleaner_error first = GLEANER_OK;
	gleaner_call **calls = calloc(count == 0 ? 1 : count, sizeof(gleaner_call *));
	if (calls == NULL)
		return GLEANER_NO_MEMORY;
	for (size_t at = 0; at < count; at++)
		calls[at] = gleaner_submit(lease, (const char *)inputs + at * input_bytes, input_bytes,
					   (char *)outputs + at * output_capacity, output_capacity);
	for (size_t at = 0; at < count; at++) {
		gleaner_error error = calls[at] == NULL ? GLEANER_NO_MEMORY : gleaner_wait(calls[at]);
		if (first == GLEANER_OK)
			first = error;
		if (output_bytes != NULL)
			output_bytes[at] = calls[at] == NULL ? 0 : calls[at]->output_bytes;
		gleaner_call_free(calls[at]);
	}
	free(calls);
	return first;
}
