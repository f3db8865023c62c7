/* Sends calls to the workers of a lease, and waits for their ends. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

/* How long calls wait for a worker in place of those that are gone; then they are made through
 * gleanerd. */
#define REPLACEMENT_MS 1000
/* A call that has ended as many workers is made through gleanerd, which tells why. */
#define MOST_LOST 3
/* How often deadlines and the lease are looked after. */
#define CHECK_MS 20
#define WAIT_MS 100
#define MAX_POLLED 64

struct connection *lease_least_busy(const gleaner_lease *lease)
{
	struct connection *best = NULL;
	for (size_t at = 0; at < lease->count; at++) {
		struct connection *each = lease->connections[at];
		if (connection_takes(each, lease->now_ms) && (best == NULL || each->in_flight < best->in_flight))
			best = each;
	}
	return best;
}

/* Whether a worker can take calls now, or once it has answered others. */
static bool has_worker(const gleaner_lease *lease)
{
	for (size_t at = 0; at < lease->count; at++) {
		const struct connection *each = lease->connections[at];
		if (each->fd >= 0 && !each->is_terminating && !connection_is_stuck(each))
			return true;
	}
	return false;
}

static bool waits_for_worker(const gleaner_lease *lease)
{
	if (lease->hold != NULL && hold_is_over(lease->hold))
		return false;
	return lease->no_worker_since_ms == 0 || lease->now_ms - lease->no_worker_since_ms < REPLACEMENT_MS;
}

gleaner_call *lease_take_first(gleaner_lease *lease)
{
	gleaner_call *call = lease->first;
	lease->first = call->next;
	if (lease->first == NULL)
		lease->last = NULL;
	call->next = NULL;
	return call;
}

/* The connection that a call goes to; NULL if it has to wait. */
static struct connection *next_for(const gleaner_lease *lease, const gleaner_call *call)
{
	const bool may_leave = lease->hold != NULL && hold_was_granted(lease->hold);
	struct connection *worker = may_leave && call->lost >= MOST_LOST ? NULL : lease_least_busy(lease);
	if (worker != NULL || !may_leave || (call->lost < MOST_LOST && waits_for_worker(lease)))
		return worker;
	struct connection *through_gleanerd = hold_line(lease->hold);
	return connection_takes(through_gleanerd, lease->now_ms) ? through_gleanerd : NULL;
}

static void dispatch(gleaner_lease *lease)
{
	struct connection *connection;
	while (lease->first != NULL && (connection = next_for(lease, lease->first)) != NULL) {
		const gleaner_call *first = lease->first;
		if (!connection_lives(lease, connection)) {
			/* lease_keep, which finds it broken then, ends its program, too. */
			if (connection->is_hold) {
				(void)shutdown(connection->fd, SHUT_RDWR);
				return;
			}
			lease_give_up(lease, connection);
			continue;
		}
		/* The callback of a call that has ended meanwhile may have sent it, or closed
		 * this. */
		if (lease->first != first || !connection_takes(connection, lease->now_ms))
			continue;
		gleaner_call *call = lease_take_first(lease);
		if (connection->memory != NULL &&
		    !ring_can_hold(&connection->memory->rings.out, CALL_HEAD_BYTES, call->input_bytes)) {
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
static size_t send_all(gleaner_lease *lease, bool may_wait, struct connection **open)
{
	size_t count = 0;
	for (size_t at = 0; at < lease->count; at++) {
		struct connection *each = lease->connections[at];
		if (each->fd < 0)
			continue;
		if (!connection_send(each, may_wait && lease->count == 1)) {
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

/* How long to wait if nothing comes: calls that wait go on once a worker has rested. */
static int longest_wait_ms(const gleaner_lease *lease, bool polls_all)
{
	long longest = polls_all || lease->hold == NULL ? WAIT_MS : CHECK_MS;
	for (size_t at = 0; at < lease->count && lease->first != NULL; at++) {
		long rests = lease->connections[at]->rests_until_ms - lease->now_ms;
		if (rests > 0 && rests < longest)
			longest = rests;
	}
	return (int)longest;
}

/* Its next words are waited for. */
static bool watches_hold(const gleaner_lease *lease)
{
	return lease->hold != NULL &&
	       (hold_has_calls(lease->hold) || (lease->first != NULL && !has_worker(lease)));
}

/* Waits until any connection can go on. */
static void wait_for_any(gleaner_lease *lease)
{
	struct pollfd polled[2 * MAX_POLLED + 1];
	size_t count = 0, at;
	bool is_empty = true;
	for (at = 0; at < lease->count && count + 1 < 2 * MAX_POLLED; at++) {
		struct connection *each = lease->connections[at];
		if (each->fd < 0 && each->is_dialled && watches_hold(lease))
			polled[count++] = (struct pollfd){ each->dialled, each->has_said_hello ? POLLIN : POLLOUT, 0 };
		if (each->fd < 0)
			continue;
		polled[count++] = (struct pollfd){ each->fd, POLLIN | (connection_has_unsent(each) ? POLLOUT : 0), 0 };
		if (each->memory != NULL && !ring_sleeps_empty(&each->memory->rings.in))
			is_empty = false;
		if (each->ofi == NULL)
			continue;
		polled[count++] = (struct pollfd){ ofi_descriptor(each->ofi), POLLIN, 0 };
		is_empty = is_empty && !each->spins && ofi_may_sleep(each->ofi);
	}
	const bool polls_all = at == lease->count;
	if (watches_hold(lease)) {
		const struct connection *line = hold_line(lease->hold);
		polled[count++] = (struct pollfd){ line->fd, POLLIN | (connection_has_unsent(line) ? POLLOUT : 0), 0 };
	}
	if (is_empty)
		(void)poll(polled, count, longest_wait_ms(lease, polls_all));
	for (at = 0; at < lease->count; at++)
		if (lease->connections[at]->memory != NULL)
			ring_is_awake(&lease->connections[at]->memory->rings);
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

/* The same of those that wait for a worker: callbacks may put others behind them. */
static gleaner_call *late_of_waiting(gleaner_lease *lease, long now)
{
	gleaner_call *before = NULL, *call = lease->first;
	for (; call != NULL && call->deadline_ms > now; call = call->next)
		before = call;
	if (call == NULL)
		return NULL;
	if (before == NULL)
		lease->first = call->next;
	else
		before->next = call->next;
	if (lease->last == call)
		lease->last = before;
	return call;
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
			const uint64_t id = call->id;
			/* Its input must not be read any more. */
			const bool is_lent = connection_sends_from(connection, call);
			if (is_lent && connection->is_hold)
				hold_breaks_off(lease->hold);
			else if (is_lent)
				lease_give_up(lease, connection);
			else
				connection_abandon(connection, id);
			end_late(lease, call);
		}
	if (connection->receiving != NULL && connection->receiving->deadline_ms <= now) {
		call = connection->receiving;
		/* The rest is read and dropped, unless libfabric writes to the output itself. */
		connection->receiving = NULL;
		if (connection->ofi != NULL)
			lease_give_up(lease, connection);
		end_late(lease, call);
	}
}

static void end_without_worker(gleaner_lease *lease, long now)
{
	/* While a hold serves the lease, calls that come one after the other share one wait for a
	 * worker. Without a hold, a later call waits again. */
	if (has_worker(lease) || (lease->first == NULL && lease->hold == NULL))
		lease->no_worker_since_ms = 0;
	if (has_worker(lease) || lease->first == NULL)
		return;
	if (lease->no_worker_since_ms == 0)
		lease->no_worker_since_ms = now;
	/* Through it they go on, or it still asks for a lease. */
	if (lease->hold != NULL || (lease->asked.function != NULL && waits_for_worker(lease)))
		return;
	/* One that is stuck may answer yet. */
	if (gleaner_lease_workers(lease) > 0)
		return;
	while (lease->first != NULL) {
		gleaner_call *call = lease_take_first(lease);
		lease_say(lease, "no worker of the lease is left, and none came in its place");
		call_end(call, GLEANER_NO_WORKER);
	}
}

/* Deadlines, and workers that come and go. */
static void look_after(gleaner_lease *lease, long now)
{
	gleaner_call *call;
	lease->next_check_ms = now + CHECK_MS;
	lease_keep(lease, now);
	for (size_t at = 0; at < lease->count; at++)
		end_late_of(lease, lease->connections[at], now);
	if (lease->hold != NULL)
		end_late_of(lease, hold_line(lease->hold), now);
	while ((call = late_of_waiting(lease, now)) != NULL)
		end_late(lease, call);
	end_without_worker(lease, now);
}

void lease_pump(gleaner_lease *lease, bool may_wait)
{
	struct connection *open = NULL;
	const size_t unended = lease->unended;
	lease->pumps++;
	dispatch(lease);
	size_t count = send_all(lease, may_wait, &open);
	const bool uses_hold = watches_hold(lease);
	bool is_plain = count == 1 && !connection_has_unsent(open) && lease->first == NULL && !uses_hold;
	if (may_wait && is_plain) {
		if (!connection_receive(lease, open, true))
			lease_give_up(lease, open);
	} else {
		if (may_wait)
			wait_for_any(lease);
		receive_all(lease);
	}
	/* The clock is slow beside a call over shared memory: there it is read when a call begins,
	 * and else only if nothing ends. */
	if (lease->unended == unended || open == NULL || open->memory == NULL)
		lease->now_ms = now_ms();
	if (lease->now_ms >= lease->next_check_ms || uses_hold)
		look_after(lease, lease->now_ms);
	lease->pumps--;
}
