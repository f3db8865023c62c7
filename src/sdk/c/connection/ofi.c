/* Calls over libfabric with a worker of a site that uses it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

#define SPINS_PER_LOOK 2000
/* The socket is looked at as often while it spins. */
#define LOOKS_PER_DRAIN 1024
#define WAIT_MS 200

static struct ofi *open_endpoint(const struct connection *connection, char token[SHA256_HEX], struct fields *fields)
{
	char address[OFI_ADDRESS_HEX], problem[OFI_MAX_PROBLEM_BYTES];
	struct ofi *ofi = nonce_make(token) ? ofi_open(connection->ofi_provider, connection->fd, problem) : NULL;
	if (ofi == NULL)
		return NULL;
	ofi_address(ofi, address);
	fields_add(fields, "provider", connection->ofi_provider, OFI_MAX_PROVIDER_BYTES);
	fields_add(fields, "address", address, sizeof address);
	fields_add(fields, "token", token, SHA256_HEX);
	return ofi;
}

bool ofi_connect(struct connection *connection)
{
	char token[SHA256_HEX], fields[MAX_HANDSHAKE_BYTES];
	struct fields open = { NULL, 0 };
	if (connection->ofi_provider[0] == '\0')
		return false;
	struct ofi *ofi = open_endpoint(connection, token, &open);
	if (ofi == NULL)
		return false;
	size_t length = connection_say(connection->fd, DIRECT_OFI_OPEN, &open)
				? connection_hear(connection->fd, DIRECT_OFI_ACCEPTED, fields)
				: 0;
	const char *address = fields_find(fields, length, "address");
	if (address == NULL || !ofi_begin(ofi, false, address, connection->endpoint.key, token)) {
		ofi_close(ofi);
		return false;
	}
	connection->ofi = ofi;
	connection->is_woken = ofi_descriptor(ofi) < 0 && !connection->spins;
	return true;
}

bool ofi_add(struct connection *connection, const gleaner_call *call, const struct frame_header *header,
	     const uint8_t *metadata)
{
	if (!ofi_has_room(connection->ofi))
		ofi_go_on(connection->ofi);
	if (!ofi_has_room(connection->ofi))
		return false;
	/* What is broken is found when it is looked at. */
	(void)ofi_put(connection->ofi, header, metadata, call->input);
	if (connection->is_woken)
		connection_wake(connection);
	return true;
}

static void end_output(struct connection *connection, const uint8_t *copied)
{
	gleaner_call *call = connection->receiving;
	connection->receiving = NULL;
	if (call == NULL)
		return;
	const size_t bytes = connection->header.payload_bytes, room = call->output_capacity;
	if (copied != NULL && bytes > 0)
		memcpy(call->output, copied, bytes < room ? bytes : room);
	call->output_bytes = bytes;
	call_end(call, bytes > room ? GLEANER_OUTPUT_TOO_LARGE : GLEANER_OK);
}

/* To the output if it has room for all. */
static bool receive_large(struct connection *connection, const struct frame_header *header)
{
	connection->header = *header;
	connection->receiving = header->type == FRAME_RESULT ? connection_begin_output(connection, header) : NULL;
	gleaner_call *call = connection->receiving;
	if (call != NULL && call->output_capacity >= header->payload_bytes)
		return ofi_receive(connection->ofi, call->output);
	connection->failure = malloc(header->payload_bytes);
	return connection->failure != NULL && ofi_receive(connection->ofi, connection->failure);
}

static bool end_large(gleaner_lease *lease, struct connection *connection)
{
	uint8_t *copied = connection->failure;
	bool goes_on = true;
	connection->failure = NULL;
	if (connection->header.type == FRAME_RESULT)
		end_output(connection, copied);
	else
		goes_on = connection_takes_frame(lease, connection, &connection->header, copied);
	free(copied);
	return goes_on;
}

static bool take_small(gleaner_lease *lease, struct connection *connection, const struct ofi_frame *frame)
{
	if (frame->header.type != FRAME_RESULT)
		return connection_takes_frame(lease, connection, &frame->header, frame->payload) &&
		       ofi_take(connection->ofi);
	connection->header = frame->header;
	connection->receiving = connection_begin_output(connection, &frame->header);
	/* A callback may close the lease's other connections, but not this one. */
	end_output(connection, frame->payload);
	return ofi_take(connection->ofi);
}

/* All that have come; -1 if the connection is broken. */
static int take_all(gleaner_lease *lease, struct connection *connection)
{
	struct ofi_frame frame;
	int taken = 0;
	for (enum ofi_look look; (look = ofi_look(connection->ofi, &frame)) != OFI_EMPTY; taken++) {
		bool goes_on = look == OFI_PAYLOAD ? end_large(lease, connection)
			       : look != OFI_FRAME ? false
			       : frame.payload != NULL ? take_small(lease, connection, &frame)
						       : receive_large(connection, &frame.header);
		if (!goes_on)
			return -1;
	}
	return taken;
}

/* Takes the bytes that only wake; false if the worker is gone. */
static bool drain(struct connection *connection)
{
	char bytes[256];
	ssize_t got;
	while ((got = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		ofi_was_woken(connection->ofi, (size_t)got);
	return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

bool ofi_connection_receive(gleaner_lease *lease, struct connection *connection, bool may_wait)
{
	int taken = 0;
	const int spins = may_wait && connection->spins ? SPINS_PER_LOOK : 1;
	for (int spin = 0; spin < spins && taken == 0; spin++)
		taken = take_all(lease, connection);
	if (taken != 0)
		return taken > 0;
	if (!may_wait)
		return ++connection->empty_looks % LOOKS_PER_DRAIN != 0 || drain(connection);
	struct pollfd ready[] = {
		{ connection->fd, POLLIN, 0 },
		{ ofi_descriptor(connection->ofi), POLLIN, 0 },
	};
	if (!connection->spins && ofi_may_sleep(connection->ofi))
		(void)poll(ready, 2, WAIT_MS);
	/* What it sent before it went is there already. */
	return drain(connection) || (take_all(lease, connection) >= 0 && false);
}
