/* What a worker that serves and its executor say to each other. */
#include <stdio.h>
#include <stdlib.h>

#include "serve_state.h"

static void send_fields(struct server *server, enum frame_type type, struct fields *fields)
{
	bool is_sent = channel_send(type, server->id, NULL, 0, fields->data, fields->length);
	free(fields->data);
	server->is_broken |= !is_sent;
}

void executor_hears_serving(struct server *server)
{
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "port", server->port);
	fields_add(&fields, "socket", server->socket, sizeof server->socket);
	if (server->keeps_listeners)
		fields_add_number(&fields, "keeps", 1);
	send_fields(server, FRAME_SERVING, &fields);
}

void executor_hears_usage(struct server *server, long now)
{
	bool is_first_or_last = (server->proven == 0) != (server->told_clients == 0);
	bool is_new = server->calls != server->told_calls || server->proven != server->told_clients;
	if (!is_first_or_last && (!is_new || now - server->told_ms < TICK_MS))
		return;
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "clients", server->proven);
	fields_add_number(&fields, "calls", server->calls);
	fields_add_number(&fields, "busyMs", server->busy_ns / 1000000);
	fields_add_number(&fields, "spinMs", server->spin_ns / 1000000);
	server->told_clients = server->proven;
	server->told_calls = server->calls;
	server->told_ms = now;
	send_fields(server, FRAME_USAGE, &fields);
}

static void terminate(struct server *server, const struct frame *frame)
{
	const char *data = (const char *)frame->payload;
	const size_t length = frame->header.payload_bytes;
	if (!fields_are_valid(data, length))
		return;
	const char *reason = fields_find(data, length, "reason");
	server->terminates = true;
	server->terminating_ms = fields_number(data, length, "inMs", 0);
	snprintf(server->terminating_reason, sizeof server->terminating_reason, "%s", reason == NULL ? "" : reason);
	for (struct client *each = server->clients; each != NULL; each = each->next) {
		if (each->state != PROVEN)
			continue;
		client_tell_terminating(server, each);
		if (!client_is_polled(each))
			client_flush(server, each);
	}
}

void executor_speaks(struct server *server)
{
	struct frame frame;
	enum read_end end;
	while ((end = channel_read(server->channel, false, &frame)) == READ_FRAME) {
		if (frame.header.type == FRAME_TERMINATING && frame.header.id == server->id)
			terminate(server, &frame);
		else if (frame.header.type == FRAME_CANCEL && frame.header.id == server->id)
			server->is_over = true;
		else
			server->is_broken = true;
		free(frame.payload);
	}
	if (end == READ_GONE)
		server->is_broken = true;
}
