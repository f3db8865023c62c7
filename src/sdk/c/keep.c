/* Keeps a lease in workers: connects again to those whose connection broke, forgets those that have
 * left, and gets a new lease in place of one that has ended once a call waits for a worker. */
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

static void connect_again(gleaner_lease *lease, struct connection *connection, long now)
{
	const struct endpoint endpoint = connection->endpoint;
	if (now < connection->connect_at_ms)
		return;
	const long pause_ms = longer(connection->connect_pause_ms);
	memset(connection, 0, sizeof *connection);
	connection->endpoint = endpoint;
	connection->is_leased = true;
	if (lease_connect(lease, connection))
		return;
	connection->connect_pause_ms = pause_ms;
	connection->connect_at_ms = now_ms() + pause_ms;
}

static void keep_workers(gleaner_lease *lease, long now)
{
	for (size_t at = lease->count; at-- > 0;) {
		struct connection *each = lease->connections[at];
		if (each->fd >= 0)
			continue;
		if (each->is_leased) {
			connect_again(lease, each, now);
			continue;
		}
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
