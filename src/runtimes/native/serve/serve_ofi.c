/* Calls over libfabric, for a client that has opened an endpoint of the site's provider. */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "serve_state.h"

/* Then other clients have their turn. */
#define MAX_FRAMES_AT_ONCE 64

/* An output is lent to exactly those frames whose payload libfabric sends from where it lies. */
_Static_assert(COPIED_OUTPUT_BYTES == OFI_SMALL_BYTES, "outputs are lent to libfabric while it sends them");

static bool refuse(struct server *server, struct client *client, const char *reason)
{
	client_refuse(server, client, "PROTOCOL", reason);
	return false;
}

/* The worker's endpoint, whose address is told. */
static struct ofi *open_for(const struct server *server, const struct client *client, const char *address,
			    const char *token, char problem[OFI_MAX_PROBLEM_BYTES])
{
	struct ofi *ofi = ofi_open(server->ofi_provider, client->fd, problem);
	if (ofi == NULL)
		return NULL;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = (void *)client };
	const int descriptor = ofi_descriptor(ofi);
	if (ofi_begin(ofi, true, address, server->key, token) &&
	    (descriptor < 0 || epoll_ctl(server->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0))
		return ofi;
	strcpy(problem, "libfabric does not reach the client at the address that it gave");
	ofi_close(ofi);
	return NULL;
}

bool client_opens_ofi(struct server *server, struct client *client, const char *data, size_t length)
{
	char problem[OFI_MAX_PROBLEM_BYTES], own[OFI_ADDRESS_HEX];
	const bool is_valid = fields_are_valid(data, length) && client->in_end == client->in_start;
	const char *provider = is_valid ? fields_find(data, length, "provider") : NULL;
	const char *address = is_valid ? fields_find(data, length, "address") : NULL;
	const char *token = is_valid ? fields_find(data, length, "token") : NULL;
	if (provider == NULL || address == NULL || !nonce_is_valid(token))
		return refuse(server, client, "the client's ofiOpen is not what it must be: a provider, an address and a token");
	if (server->ofi_provider[0] == '\0' || strcmp(provider, server->ofi_provider) != 0)
		return refuse(server, client, "the site's workers do not use this provider of libfabric: see leases.ofiProvider");
	struct ofi *ofi = open_for(server, client, address, token, problem);
	if (ofi == NULL)
		return refuse(server, client, problem);
	struct fields accepted = { NULL, 0 };
	ofi_address(ofi, own);
	fields_add(&accepted, "address", own, sizeof own);
	client_add_fields(client, DIRECT_OFI_ACCEPTED, 0, &accepted);
	client_flush(server, client);
	if (client->state != PROVEN) {
		ofi_close(ofi);
		return false;
	}
	client->ofi = ofi;
	client->is_woken = ofi_descriptor(ofi) < 0 && server->hot_ms >= 0;
	server->polled++;
	return false;
}

void client_puts_into_ofi(struct client *client, const struct frame_header *header, const void *metadata,
			  const void *payload)
{
	/* Who puts here has looked for room. What is broken is found by the next look. */
	(void)ofi_put(client->ofi, header, metadata, payload);
	if (client->is_woken)
		client_wakes(client);
}

/* Gives it its turn only once it has taken enough of what it was sent. */
static bool has_room(struct server *server, struct client *client)
{
	ofi_go_on(client->ofi);
	if (client->lent != NULL && !ofi_sends_from(client->ofi, NULL, 0))
		client_gives_back_output(server, client);
	if (client->lent != NULL || !ofi_has_room(client->ofi)) {
		client->unread_ms = client->unread_ms == 0 ? now_ms() : client->unread_ms;
		return false;
	}
	client->unread_ms = 0;
	if (client->must_tell_terminating)
		client_tell_terminating(server, client);
	return true;
}

static bool take_small(struct server *server, struct client *client, const struct ofi_frame *frame)
{
	const uint8_t *payload = frame->payload;
	/* A call's is aligned. */
	if (frame->header.type == FRAME_CALL) {
		memcpy(server->input, payload, frame->header.payload_bytes);
		payload = server->input;
	}
	return client_takes_frame(server, client, &frame->header, payload) && ofi_take(client->ofi);
}

static bool take(struct server *server, struct client *client, enum ofi_look look, const struct ofi_frame *frame)
{
	switch (look) {
	case OFI_PAYLOAD:
		return client_takes_frame(server, client, &client->large_header, client->large);
	case OFI_FRAME:
		if (frame->payload != NULL)
			return take_small(server, client, frame);
		if (!client_begins_large(client, &frame->header, NULL, 0))
			return false;
		/* What comes over the socket only wakes. */
		client->reads_large = false;
		return ofi_receive(client->ofi, client->large);
	default:
		return false;
	}
}

bool client_looks_into_ofi(struct server *server, struct client *client)
{
	struct ofi_frame frame;
	bool found = false;
	for (int frames = 0; frames < MAX_FRAMES_AT_ONCE && client->ofi != NULL; frames++) {
		if ((client->lent != NULL || client->must_tell_terminating || !ofi_has_room(client->ofi)) &&
		    !has_room(server, client))
			return found;
		if (found && serve_turn_is_over(server))
			return true;
		enum ofi_look look = ofi_look(client->ofi, &frame);
		if (look == OFI_EMPTY)
			return found;
		if (!take(server, client, look, &frame)) {
			client_close(server, client);
			return true;
		}
		found = true;
	}
	return found;
}

void client_drains_ofi(struct client *client, long until_ms)
{
	while (!ofi_has_sent(client->ofi) && now_ms() < until_ms)
		ofi_go_on(client->ofi);
}
