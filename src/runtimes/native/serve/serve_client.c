/* Reads the frames of a client, as many as one system call gives, and runs them in their order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve_state.h"

/* How much is read first when the last frame was a large one, whose payload is then read to where
 * the function finds it. */
#define FIRST_READ_BYTES 2048u
#define INPUT_ALIGNMENT 64u

bool client_is_blocked(const struct client *client)
{
	return !client_is_polled(client) &&
	       (client->lent != NULL || client->out_end - client->out_start > MAX_UNSENT_BYTES);
}

void client_close(struct server *server, struct client *client)
{
	if (client->state == GONE)
		return;
	if (client->is_interrupted)
		server->interrupted--;
	client->is_interrupted = false;
	if (client->state == PROVEN)
		server->proven--;
	else if (client->state != LEAVING)
		server->unproven--;
	client->state = GONE;
	close(client->fd);
	if (client->passed >= 0)
		close(client->passed);
	if (client->has_rings) {
		server->polled--;
		rings_unmap(&client->rings);
		client->has_rings = false;
	}
	if (client->ofi != NULL) {
		server->polled--;
		ofi_close(client->ofi);
		client->ofi = NULL;
	}
	if (client->lent != NULL)
		output_free(client->lent);
	client->lent = NULL;
}

void client_free(struct client *client)
{
	free(client->in);
	free(client->large);
	free(client->out);
	free(client);
}

/* Takes what the socket has; 0 if there is nothing, below 0 if the client is gone. */
static ssize_t receive(struct client *client, uint8_t *where, size_t bytes)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { where, bytes };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	if (client->may_pass) {
		message.msg_control = control;
		message.msg_controllen = sizeof control;
	}
	ssize_t got;
	do
		got = message.msg_control == NULL
			      ? recv(client->fd, where, bytes, MSG_DONTWAIT)
			      : recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
	struct cmsghdr *first = message.msg_control == NULL ? NULL : CMSG_FIRSTHDR(&message);
	if (first != NULL && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS) {
		if (client->passed >= 0)
			close(client->passed);
		memcpy(&client->passed, CMSG_DATA(first), sizeof client->passed);
	}
	return got;
}

bool client_takes_frame(struct server *server, struct client *client, const struct frame_header *header,
			const uint8_t *payload)
{
	if (client->state != PROVEN)
		return client_shakes_hands(server, client, header, (const char *)payload);
	switch (header->type) {
	case FRAME_CALL:
		client->may_pass = false;
		serve_call(server, client, header, payload);
		return true;
	case FRAME_CANCEL:
		/* It is read only after the call that it means. */
		return true;
	case DIRECT_SHM_OPEN:
		if (!client_is_polled(client))
			return client_opens_rings(server, client, (const char *)payload, header->payload_bytes);
		break;
	case DIRECT_OFI_OPEN:
		if (!client_is_polled(client))
			return client_opens_ofi(server, client, (const char *)payload, header->payload_bytes);
		break;
	case FRAME_BYE:
		client_close(server, client);
		return false;
	default:
		break;
	}
	client_refuse(server, client, "PROTOCOL", "the client sent a frame that only workers send");
	return false;
}

bool client_begins_large(struct client *client, const struct frame_header *header, const uint8_t *payload,
			 size_t there)
{
	if (client->large_capacity < header->payload_bytes) {
		void *grown = NULL;
		free(client->large);
		client->large = NULL;
		client->large_capacity = 0;
		if (posix_memalign(&grown, INPUT_ALIGNMENT, header->payload_bytes) != 0)
			return false;
		client->large = grown;
		client->large_capacity = header->payload_bytes;
	}
	if (there > 0)
		memcpy(client->large, payload, there);
	client->large_filled = there;
	client->large_header = *header;
	client->reads_large = client->was_large = true;
	return true;
}

/* Runs the frame at the beginning of what was read; false if it is not whole, or the client
 * leaves. */
static bool take_next(struct server *server, struct client *client)
{
	struct frame_header header;
	size_t there = client->in_end - client->in_start;
	if (there < FRAME_HEADER_BYTES)
		return false;
	const uint8_t *start = client->in + client->in_start;
	/* Who has proven nothing sends nothing else than proofs, which are short. */
	bool is_frame = frame_decode_direct(start, &header) &&
			(client->state == PROVEN || header.type == DIRECT_CLIENT_HELLO ||
			 header.type == DIRECT_CLIENT_PROOF);
	if (!is_frame) {
		client_refuse(server, client, "PROTOCOL", "the client sent what is no frame of the direct path, or one over its limits");
		return false;
	}
	size_t head = FRAME_HEADER_BYTES + header.metadata_bytes, whole = head + header.payload_bytes;
	if (there >= whole) {
		client->in_start += whole;
		client->was_large = false;
		if (header.type != FRAME_CALL)
			return client_takes_frame(server, client, &header, start + head);
		memcpy(server->input, start + head, header.payload_bytes);
		return client_takes_frame(server, client, &header, server->input);
	}
	if (whole <= FIRST_READ_BYTES || there < head)
		return false;
	client->in_start = client->in_end = 0;
	if (client_begins_large(client, &header, start + head, there - head))
		return false;
	client_refuse(server, client, "FULL", "the worker has no memory for the input");
	return false;
}

static bool take_large(struct server *server, struct client *client)
{
	if (client->large_filled < client->large_header.payload_bytes)
		return false;
	client->reads_large = false;
	return client_takes_frame(server, client, &client->large_header, client->large);
}

/* Whether what was read has to wait for the next turn. */
static bool interrupts(struct server *server, struct client *client)
{
	if (client->in_end == client->in_start || !serve_turn_is_over(server))
		return false;
	server->interrupted += !client->is_interrupted;
	client->is_interrupted = true;
	return true;
}

static void run_frames(struct server *server, struct client *client)
{
	bool goes_on = true;
	while (goes_on && !client_is_blocked(client) && client->state < LEAVING) {
		const uint64_t calls = server->calls;
		goes_on = client->reads_large ? take_large(server, client) : take_next(server, client);
		if (server->calls != calls && client->state < LEAVING && interrupts(server, client))
			return;
	}
}

/* The same, and sends an answer that stands in the way of the next. */
static void run_all(struct server *server, struct client *client)
{
	run_frames(server, client);
	while (client->state < LEAVING && client_is_blocked(client)) {
		client_flush(server, client);
		if (client->state >= LEAVING || client_is_blocked(client) || client->is_interrupted)
			return;
		run_frames(server, client);
	}
}

/* Where to read next, and how much. */
static uint8_t *room(struct client *client, size_t *bytes)
{
	if (client->reads_large) {
		*bytes = client->large_header.payload_bytes - client->large_filled;
		return client->large + client->large_filled;
	}
	if (client->in == NULL && (client->in = malloc(READ_BYTES)) == NULL)
		return NULL;
	memmove(client->in, client->in + client->in_start, client->in_end - client->in_start);
	client->in_end -= client->in_start;
	client->in_start = 0;
	const bool is_first = client->was_large && client->in_end < FIRST_READ_BYTES;
	*bytes = (is_first ? FIRST_READ_BYTES : READ_BYTES) - client->in_end;
	return client->in + client->in_end;
}

/* Reads once; false if nothing is left: there was nothing, or less than there was room for. */
static bool read_once(struct server *server, struct client *client)
{
	size_t bytes = 0;
	uint8_t *where = room(client, &bytes);
	ssize_t got = where == NULL ? -1 : receive(client, where, bytes);
	if (got < 0)
		client_close(server, client);
	if (got <= 0)
		return false;
	if (client_is_polled(client)) {
		/* Bytes that wake. */
		if (client->ofi != NULL)
			ofi_was_woken(client->ofi, (size_t)got);
		return (size_t)got == bytes;
	}
	if (client->reads_large)
		client->large_filled += (size_t)got;
	else
		client->in_end += (size_t)got;
	run_all(server, client);
	/* The rest of a large frame is likely there already; a descriptor ends what is read at
	 * once. */
	return (size_t)got == bytes || client->reads_large || client->may_pass;
}

void client_ready(struct server *server, struct client *client, uint32_t events)
{
	bool has_more = true;
	/* An event before this one may have ended it. */
	if (client->state == GONE)
		return;
	/* Also when the peer is gone, which sending finds out. */
	if ((events & ~(uint32_t)EPOLLIN) != 0 && !client_is_polled(client)) {
		client_flush(server, client);
		if (client->state < LEAVING)
			run_all(server, client);
	}
	/* So many at once that no other client waits for long. */
	for (int reads = 0; has_more && reads < 64 && client->state < LEAVING && !client_is_blocked(client); reads++) {
		if (reads > 0 && serve_turn_is_over(server))
			break;
		has_more = !client->is_interrupted && read_once(server, client);
	}
	if (client->state != GONE && !client_is_polled(client))
		client_flush(server, client);
	if (has_more && client->state < LEAVING && !client_is_blocked(client))
		client_asks_again(server, client);
	if (client->state < LEAVING && client->has_rings)
		client_looks_into_rings(server, client);
	if (client->state < LEAVING && client->ofi != NULL)
		client_looks_into_ofi(server, client);
}
