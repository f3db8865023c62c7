/* Runs the calls of clients. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve_state.h"

static void add_error(struct client *client, uint64_t id, const char *kind, const char *class, const char *message)
{
	struct fields fields = { NULL, 0 };
	fields_add(&fields, "kind", kind, MAX_CONTENT_TYPE_BYTES);
	fields_add(&fields, "type", class, MAX_CONTENT_TYPE_BYTES);
	fields_add(&fields, "message", message, MAX_MESSAGE_BYTES);
	fields_add(&fields, "stack", "", 0);
	client_add_fields(client, FRAME_ERROR, id, &fields);
}

static struct output *take_output(struct server *server)
{
	if (server->output == NULL) {
		server->output = server->spare_output;
		server->spare_output = NULL;
	}
	if (server->output == NULL)
		server->output = output_make(server->served.output_bytes);
	return server->output;
}

static void add_too_large(const struct server *server, struct client *client, uint64_t id, uint32_t used)
{
	char message[128];
	snprintf(message, sizeof message, "the function returned %u bytes; the limit is %u", used,
		 server->served.output_bytes);
	add_error(client, id, "output", "OutputTooLarge", message);
}

static void add_result(struct server *server, struct client *client, uint64_t id, struct output *output, uint32_t used)
{
	const char *type = server->served.output_type;
	bool waits = client->has_rings && ring_reserve(&client->rings.out, strlen(type), used) == NULL;
	if (waits || (used > COPIED_OUTPUT_BYTES && !client->has_rings)) {
		client->lent = output;
		client->lent_at = 0;
		client->lent_bytes = used;
		client->lent_id = id;
		server->output = NULL;
	}
	if (!waits)
		client_add(client, FRAME_RESULT, id, type, strlen(type), output->data, used);
}

/* Writes the output into the ring, if it has room for the longest one. */
static bool call_within_ring(struct server *server, struct client *client, const struct frame_header *header,
			     const uint8_t *payload)
{
	const char *type = server->served.output_type;
	struct ring *ring = &client->rings.out;
	uint8_t *where = ring_reserve(ring, strlen(type), server->served.output_bytes);
	if (where == NULL)
		return false;
	uint32_t used = server->served.function(payload, header->payload_bytes, where);
	if (used > server->served.output_bytes) {
		add_too_large(server, client, header->id, used);
		return true;
	}
	struct frame_header result = { FRAME_RESULT, (uint16_t)strlen(type), used, header->id };
	if (ring_put(ring, &result, type))
		client_wakes(client);
	return true;
}

void serve_call(struct server *server, struct client *client, const struct frame_header *header,
		const uint8_t *payload)
{
	if (server->is_over) {
		client_add(client, DIRECT_ENDED, header->id, NULL, 0, NULL, 0);
		return;
	}
	server->calls++;
	if (client->has_rings && call_within_ring(server, client, header, payload))
		return;
	struct output *output = take_output(server);
	if (output == NULL) {
		add_error(client, header->id, "exception", "OutOfMemory", "there is no memory for the output");
		return;
	}
	uint32_t used = server->served.function(payload, header->payload_bytes, output->data);
	if (used > output->bytes)
		add_too_large(server, client, header->id, used);
	else if (client->has_rings && !ring_can_hold(&client->rings.out, strlen(server->served.output_type), used))
		add_error(client, header->id, "output", "OutputTooLarge",
			  "the output does not fit into the shared memory: open larger rings");
	else
		add_result(server, client, header->id, output, used);
}
