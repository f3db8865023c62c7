/* What a worker sends to a client: gathered, and sent with one system call. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "serve_state.h"

#define SMALLEST_OUT (16u << 10)
#define KEPT_OUT (64u << 10)

static bool make_room(struct client *client, size_t bytes)
{
	if (client->out_start == client->out_end)
		client->out_start = client->out_end = 0;
	size_t needed = client->out_end + bytes, capacity = client->out_capacity;
	if (needed <= capacity)
		return true;
	while (capacity < needed)
		capacity = capacity == 0 ? SMALLEST_OUT : 2 * capacity;
	uint8_t *grown = realloc(client->out, capacity);
	if (grown == NULL)
		return false;
	client->out = grown;
	client->out_capacity = capacity;
	return true;
}

void client_add(struct client *client, uint8_t type, uint64_t id, const void *metadata, size_t metadata_bytes,
		const void *payload, size_t payload_bytes)
{
	struct frame_header header = { type, (uint16_t)metadata_bytes, (uint32_t)payload_bytes, id };
	if (client->has_rings) {
		/* Who puts here has looked for room, or says what may be lost. */
		uint8_t *where = ring_reserve(&client->rings.out, metadata_bytes, payload_bytes);
		if (where == NULL)
			return;
		if (payload_bytes > 0)
			memcpy(where, payload, payload_bytes);
		if (ring_put(&client->rings.out, &header, metadata))
			client_wakes(client);
		return;
	}
	if (client->ofi != NULL) {
		client_puts_into_ofi(client, &header, metadata, payload);
		return;
	}
	/* Without the payload of an output that is lent. */
	size_t copied = client->lent == NULL ? payload_bytes : 0;
	if (!make_room(client, FRAME_HEADER_BYTES + metadata_bytes + copied)) {
		client->state = LEAVING;
		return;
	}
	uint8_t *end = client->out + client->out_end;
	frame_encode(end, &header);
	if (metadata_bytes > 0)
		memcpy(end + FRAME_HEADER_BYTES, metadata, metadata_bytes);
	if (copied > 0)
		memcpy(end + FRAME_HEADER_BYTES + metadata_bytes, payload, copied);
	client->out_end += FRAME_HEADER_BYTES + metadata_bytes + copied;
}

void client_add_fields(struct client *client, uint8_t type, uint64_t id, struct fields *fields)
{
	client_add(client, type, id, NULL, 0, fields->data, fields->length);
	free(fields->data);
	fields->data = NULL;
}

void client_refuse(struct server *server, struct client *client, const char *code, const char *reason)
{
	struct fields refused = { NULL, 0 };
	fields_add(&refused, "code", code, MAX_HANDSHAKE_BYTES);
	fields_add(&refused, "reason", reason, MAX_HANDSHAKE_BYTES / 2);
	client_add_fields(client, DIRECT_REFUSED, 0, &refused);
	if (client->state == AWAITS_HELLO || client->state == AWAITS_PROOF)
		server->unproven--;
	else if (client->state == PROVEN)
		server->proven--;
	client->state = LEAVING;
}

void client_tell_terminating(const struct server *server, struct client *client)
{
	struct fields fields = { NULL, 0 };
	client->must_tell_terminating =
		client->lent != NULL || (client->ofi != NULL && !ofi_has_room(client->ofi)) ||
		(client->has_rings && ring_reserve(&client->rings.out, 0, MAX_HANDSHAKE_BYTES) == NULL);
	if (client->must_tell_terminating)
		return;
	fields_add_number(&fields, "inMs", server->terminating_ms);
	fields_add(&fields, "reason", server->terminating_reason, MAX_HANDSHAKE_BYTES / 2);
	client_add_fields(client, DIRECT_TERMINATING, 0, &fields);
}

void client_gives_back_output(struct server *server, struct client *client)
{
	struct output *lent = client->lent;
	client->lent = NULL;
	if (server->output == NULL)
		server->output = lent;
	else if (server->spare_output == NULL)
		server->spare_output = lent;
	else
		output_free(lent);
	if (client->must_tell_terminating)
		client_tell_terminating(server, client);
}

static void has_sent(struct server *server, struct client *client, size_t sent)
{
	size_t of_frames = client->out_end - client->out_start;
	if (sent < of_frames) {
		client->out_start += sent;
		return;
	}
	client->out_start = client->out_end = 0;
	client->lent_at += sent - of_frames;
	if (client->out_capacity > KEPT_OUT) {
		free(client->out);
		client->out = NULL;
		client->out_capacity = 0;
	}
	if (client->lent != NULL && client->lent_at == client->lent_bytes)
		client_gives_back_output(server, client);
}

void client_asks_again(struct server *server, struct client *client)
{
	struct epoll_event event = { .events = client->events, .data.ptr = client };
	if (epoll_ctl(server->epoll, EPOLL_CTL_MOD, client->fd, &event) != 0)
		client_close(server, client);
}

static void wait_for(struct server *server, struct client *client, uint32_t events)
{
	if (events == client->events)
		return;
	client->events = events;
	client_asks_again(server, client);
}

static ssize_t send_some(const struct client *client)
{
	const struct output *lent = client->lent;
	const size_t of_frames = client->out_end - client->out_start;
	if (lent == NULL)
		return send(client->fd, client->out + client->out_start, of_frames, MSG_NOSIGNAL | MSG_DONTWAIT);
	struct iovec parts[2] = {
		{ client->out + client->out_start, of_frames },
		{ lent->data + client->lent_at, client->lent_bytes - client->lent_at },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	return sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Waits until there is room for more. */
static void wait_for_room(struct server *server, struct client *client)
{
	if (client->unread_ms == 0)
		client->unread_ms = now_ms();
	bool reads = client->state < LEAVING && !client_is_blocked(client);
	wait_for(server, client, reads ? AWAITS_INPUT | EPOLLOUT : EPOLLOUT);
}

void client_flush(struct server *server, struct client *client)
{
	while (client->out_end > client->out_start || client->lent != NULL) {
		const size_t unsent = client->out_end - client->out_start +
				      (client->lent == NULL ? 0 : client->lent_bytes - client->lent_at);
		ssize_t sent = send_some(client);
		if (sent >= 0) {
			client->unread_ms = 0;
			has_sent(server, client, (size_t)sent);
		}
		if (sent < 0 ? errno == EAGAIN || errno == EWOULDBLOCK : (size_t)sent < unsent) {
			wait_for_room(server, client);
			return;
		}
		if (sent < 0 && errno != EINTR) {
			client_close(server, client);
			return;
		}
	}
	client->unread_ms = 0;
	if (client->state == LEAVING)
		client_close(server, client);
	else
		wait_for(server, client, AWAITS_INPUT);
}
