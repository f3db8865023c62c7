/* Calls over shared memory, for a client on the same host. */
#include <string.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve_state.h"

/* An error has room before its call is run. */
#define ROOM_FOR_ERROR (16u << 10)
/* Then other clients have their turn. */
#define MAX_FRAMES_AT_ONCE 64

bool client_opens_rings(struct server *server, struct client *client, const char *fields, size_t length)
{
	if (!fields_are_valid(fields, length) || fields_number(fields, length, "layout", 1) != RING_LAYOUT) {
		client_refuse(server, client, "PROTOCOL", "the client's shared memory has another layout: install the same release on both sides");
		return false;
	}
	unsigned long bytes = fields_number(fields, length, "ringBytes", DEFAULT_RING_BYTES);
	if (client->passed < 0 || bytes > MAX_RING_BYTES || client->in_end != client->in_start ||
	    !rings_map(&client->rings, client->passed, (uint32_t)bytes, true)) {
		client_refuse(server, client, "PROTOCOL", "the shared memory is not as it must be: a sealed memfd for two rings");
		return false;
	}
	close(client->passed);
	client->passed = -1;
	client_add(client, DIRECT_SHM_ACCEPTED, 0, NULL, 0, NULL, 0);
	client_flush(server, client);
	if (client->state != PROVEN)
		return false;
	client->has_rings = true;
	server->polled++;
	return false;
}

void client_wakes(const struct client *client)
{
	/* One that is full wakes it as well. */
	(void)send(client->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sends what waits for room; false if it still does. */
static bool send_waiting(struct server *server, struct client *client)
{
	struct output *lent = client->lent;
	const char *type = server->served.output_type;
	if (lent != NULL) {
		if (ring_reserve(&client->rings.out, strlen(type), client->lent_bytes) == NULL &&
		    ring_sleeps_full(&client->rings.out, strlen(type), client->lent_bytes))
			return false;
		client->lent = NULL;
		client_add(client, FRAME_RESULT, client->lent_id, type, strlen(type), lent->data, client->lent_bytes);
		if (server->output == NULL)
			server->output = lent;
		else
			output_free(lent);
	}
	if (ring_reserve(&client->rings.out, 0, ROOM_FOR_ERROR) == NULL &&
	    ring_sleeps_full(&client->rings.out, 0, ROOM_FOR_ERROR))
		return false;
	if (client->must_tell_terminating)
		client_tell_terminating(server, client);
	return true;
}

static bool take_frame(struct server *server, struct client *client, const struct ring_frame *frame)
{
	const uint8_t *payload = frame->payload;
	/* Short: where it lies, it is not aligned, and has no room behind it. */
	if ((uintptr_t)payload % RING_ALIGNMENT != 0) {
		memcpy(server->input, payload, frame->header.payload_bytes);
		payload = server->input;
	}
	return client_takes_frame(server, client, &frame->header, payload);
}

bool client_looks_into_rings(struct server *server, struct client *client)
{
	struct ring_frame frame;
	bool found = false;
	for (int frames = 0; frames < MAX_FRAMES_AT_ONCE; frames++) {
		client->waits_for_room = !send_waiting(server, client);
		if (client->waits_for_room)
			return found;
		enum ring_look look = ring_look(&client->rings.in, &frame);
		if (look == RING_EMPTY || (found && serve_turn_is_over(server)))
			return found;
		if (look == RING_BROKEN || !take_frame(server, client, &frame)) {
			client_close(server, client);
			return true;
		}
		if (ring_take(&client->rings.in, &frame))
			client_wakes(client);
		found = true;
	}
	return found;
}
