/* Keeps a lease in workers: connects to those that are new or whose connection broke, without
 * waiting for them, forgets those that have left, and starts `glean lease hold` again once a call
 * waits for a worker. */
#include <string.h>

#include "internal.h"

#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 8000

static long longer(long pause_ms)
{
	if (pause_ms == 0)
		return FIRST_PAUSE_MS;
	return 2 * pause_ms < LONGEST_PAUSE_MS ? 2 * pause_ms : LONGEST_PAUSE_MS;
}

static void forget_connection(struct connection *connection)
{
	const struct endpoint endpoint = connection->endpoint;
	const long pause_ms = connection->connect_pause_ms;
	const bool has_no_socket = connection->has_no_socket, is_plain = connection->is_plain;
	memset(connection, 0, sizeof *connection);
	connection->fd = -1;
	connection->is_leased = true;
	connection->endpoint = endpoint;
	connection->connect_pause_ms = pause_ms;
	connection->has_no_socket = has_no_socket;
	connection->is_plain = is_plain;
}

static void connect_to(gleaner_lease *lease, struct connection *connection, long now)
{
	if (!connection->is_dialled) {
		if (now < connection->connect_at_ms)
			return;
		forget_connection(connection);
	}
	enum dialling dialling = DIAL_FAILED;
	const bool had_no_socket = connection->has_no_socket, was_plain = connection->is_plain;
	if (connection->is_dialled || connection_dial(connection, lease->transport))
		dialling = connection_goes_on(connection, lease->transport, lease->ring_bytes);
	if (dialling == DIAL_OPEN)
		connection->connect_pause_ms = 0;
	if (dialling != DIAL_FAILED)
		return;
	lease_not_connected(lease, connection);
	/* There is another way, which is tried at once. */
	if (connection->has_no_socket != had_no_socket || connection->is_plain != was_plain)
		return;
	connection->connect_pause_ms = longer(connection->connect_pause_ms);
	connection->connect_at_ms = now + connection->connect_pause_ms;
	connection->has_no_socket = connection->is_plain = false;
}

static void keep_workers(gleaner_lease *lease, long now)
{
	for (size_t at = lease->count; at-- > 0;) {
		struct connection *each = lease->connections[at];
		if (each->fd >= 0)
			continue;
		if (each->is_leased) {
			connect_to(lease, each, now);
			continue;
		}
		connection_close(each);
		connection_free(each);
		lease->connections[at] = lease->connections[--lease->count];
	}
}

static void get_lease(gleaner_lease *lease, long now)
{
	if (lease->asked.function == NULL || lease->first == NULL || now < lease->hold_at_ms)
		return;
	lease->hold_pause_ms = longer(lease->hold_pause_ms);
	lease->hold_at_ms = now + lease->hold_pause_ms;
	lease->hold = hold_start(&lease->asked);
}

void lease_keep(gleaner_lease *lease, long now)
{
	/* A callback may run within what would be freed here. */
	if (lease->pumps > 1)
		return;
	if (lease->hold == NULL)
		get_lease(lease, now);
	else if (!hold_read(lease, lease->hold, 0)) {
		for (size_t at = 0; at < lease->count; at++)
			lease->connections[at]->is_leased = false;
		/* It has exited, or says what no glean does. */
		lease_end_hold(lease, 0);
	} else if (hold_was_granted(lease->hold))
		lease->hold_pause_ms = lease->hold_at_ms = 0;
	if (lease->asked.function != NULL)
		keep_workers(lease, now);
}
