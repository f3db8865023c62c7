/* Calls over libfabric with a worker of a site that uses it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

#define SPINS_PER_LOOK 2000
/* The socket is read as often while it spins. */
#define LOOKS_PER_DRAIN 1024
#define WAIT_MS 200
/* libfabric looks for all of its providers. */
#define ANSWER_MS 5000
#define PROOF_MS 3000

static struct ofi *open_endpoint(struct connection *connection, char token[SHA256_HEX], struct fields *fields)
{
	char address[OFI_ADDRESS_HEX];
	struct ofi *ofi = nonce_make(token) ? ofi_open(connection->ofi_provider, connection->fd, connection->problem) : NULL;
	if (ofi == NULL)
		return NULL;
	ofi_address(ofi, address);
	fields_add(fields, "provider", connection->ofi_provider, OFI_MAX_PROVIDER_BYTES);
	fields_add(fields, "address", address, sizeof address);
	fields_add(fields, "token", token, SHA256_HEX);
	return ofi;
}

/* The worker answers the client's proof with its own: then both are reached. */
static bool wait_for_proof(struct ofi *ofi)
{
	struct ofi_frame frame;
	struct pollfd ready = { ofi_descriptor(ofi), POLLIN, 0 };
	const long until = now_ms() + PROOF_MS;
	while (ofi_look(ofi, &frame) == OFI_EMPTY && !ofi_is_proven(ofi) && now_ms() < until)
		if (ready.fd >= 0 && ofi_may_sleep(ofi))
			(void)poll(&ready, 1, WAIT_MS);
	return ofi_is_proven(ofi);
}

bool ofi_connect(struct connection *connection)
{
	char token[SHA256_HEX], fields[MAX_HANDSHAKE_BYTES];
	struct fields open = { NULL, 0 };
	if (connection->ofi_provider[0] == '\0') {
		strcpy(connection->problem, "the site has no provider of libfabric: see leases.ofiProvider");
		return false;
	}
	struct ofi *ofi = open_endpoint(connection, token, &open);
	if (ofi == NULL)
		return false;
	connection->until_ms = now_ms() + ANSWER_MS;
	size_t length = connection_say(connection, DIRECT_OFI_OPEN, &open)
				? connection_hear(connection, DIRECT_OFI_ACCEPTED, fields)
				: 0;
	const char *address = fields_find(fields, length, "address");
	bool has_answer = address != NULL;
	if (has_answer)
		strcpy(connection->problem, "libfabric does not reach the worker: see whether fi_pingpong does between these hosts");
	bool is_begun = has_answer && ofi_begin(ofi, false, address, connection->endpoint.key, token);
	connection->is_woken = ofi_descriptor(ofi) < 0 && !connection->spins;
	if (is_begun && connection->is_woken)
		shm_wake(connection);
	if (!is_begun || !wait_for_proof(ofi)) {
		ofi_close(ofi);
		return false;
	}
	connection->problem[0] = '\0';
	connection->ofi = ofi;
	return true;
}

bool ofi_add(struct connection *connection, const gleaner_call *call, const struct frame_header *header,
	     const uint8_t *metadata)
{
	if (!ofi_has_room(connection->ofi))
		ofi_go_on(connection->ofi);
	if (!ofi_has_room(connection->ofi))
		return false;
	/* What is broken is found by the next look. */
	(void)ofi_put(connection->ofi, header, metadata, call->input);
	if (connection->is_woken)
		shm_wake(connection);
	return true;
}

void ofi_cancel(struct connection *connection, uint64_t id)
{
	const struct frame_header header = { FRAME_CANCEL, 0, 0, id };
	if (ofi_has_room(connection->ofi) && ofi_put(connection->ofi, &header, NULL, NULL) && connection->is_woken)
		shm_wake(connection);
}

static void copy_output(gleaner_call *call, const uint8_t *output, size_t bytes)
{
	if (call != NULL && bytes > 0)
		memcpy(call->output, output, bytes < call->output_capacity ? bytes : call->output_capacity);
}

static void end_output(gleaner_call *call, size_t bytes)
{
	if (call == NULL)
		return;
	call->output_bytes = bytes;
	call_end(call, bytes > call->output_capacity ? GLEANER_OUTPUT_TOO_LARGE : GLEANER_OK);
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
	gleaner_call *call = connection->receiving;
	connection->failure = NULL;
	connection->receiving = NULL;
	if (connection->header.type == FRAME_RESULT) {
		if (copied != NULL)
			copy_output(call, copied, connection->header.payload_bytes);
		end_output(call, connection->header.payload_bytes);
	} else
		goes_on = connection_takes_frame(lease, connection, &connection->header, copied);
	free(copied);
	return goes_on;
}

/* A copy: a callback may look at the frames that follow. */
static bool take_fields(gleaner_lease *lease, struct connection *connection, const struct ofi_frame *frame)
{
	const struct frame_header header = frame->header;
	uint8_t *fields = malloc((size_t)header.payload_bytes + 1);
	if (fields == NULL)
		return false;
	memcpy(fields, frame->payload, header.payload_bytes);
	bool goes_on = ofi_take(connection->ofi) && connection_takes_frame(lease, connection, &header, fields);
	free(fields);
	return goes_on;
}

static bool take_small(gleaner_lease *lease, struct connection *connection, const struct ofi_frame *frame)
{
	if (frame->header.type != FRAME_RESULT)
		return take_fields(lease, connection, frame);
	gleaner_call *call = connection_begin_output(connection, &frame->header);
	copy_output(call, frame->payload, frame->header.payload_bytes);
	bool is_taken = ofi_take(connection->ofi);
	end_output(call, frame->header.payload_bytes);
	return is_taken;
}

/* Its input may have left a moment ago. */
static bool is_early(struct connection *connection, const struct frame_header *header)
{
	if (!connection_is_early(connection, header))
		return false;
	ofi_go_on(connection->ofi);
	return connection_is_early(connection, header);
}

/* All that have come; -1 if the connection is broken. */
static int take_all(gleaner_lease *lease, struct connection *connection)
{
	struct ofi_frame frame;
	int taken = 0;
	do {
		enum ofi_look look = ofi_look(connection->ofi, &frame);
		if (look == OFI_EMPTY || (look == OFI_FRAME && is_early(connection, &frame.header)))
			break;
		bool goes_on = look == OFI_PAYLOAD ? end_large(lease, connection)
			       : look != OFI_FRAME || !connection_knows(connection, &frame.header) ? false
			       : frame.payload != NULL ? take_small(lease, connection, &frame)
						       : receive_large(connection, &frame.header);
		if (!goes_on)
			return -1;
		taken++;
		/* A callback may have closed it. */
	} while (connection->ofi != NULL && ofi_has_next(connection->ofi));
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
