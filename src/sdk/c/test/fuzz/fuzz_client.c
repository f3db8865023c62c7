/* What a worker may do to its client: in the handshake, over the socket, and in the rings. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "internal.h"

#define CALLS 6

static uint8_t outputs[64];

/* In place of the system's: a worker that foresees the nonces can prove itself. */
ssize_t getrandom(void *buffer, size_t bytes, unsigned flags)
{
	(void)flags;
	memset(buffer, 0x5a, bytes);
	return (ssize_t)bytes;
}

static const struct endpoint endpoint = { .worker = "1.1", .key = { 1, 2, 3 } };

static void say_right_hello(int fd)
{
	uint8_t frame[FRAME_HEADER_BYTES + MAX_HANDSHAKE_BYTES];
	char proof[SHA256_HEX];
	struct challenge challenge = { .worker = "1.1" };
	struct fields hello = { NULL, 0 };
	(void)nonce_make(challenge.client_nonce);
	(void)nonce_make(challenge.worker_nonce);
	proof_make(proof, "worker", endpoint.key, &challenge);
	fields_add(&hello, "nonce", challenge.worker_nonce, SHA256_HEX);
	fields_add(&hello, "proof", proof, SHA256_HEX);
	struct frame_header header = { DIRECT_WORKER_HELLO, 0, (uint32_t)hello.length, 0 };
	frame_encode(frame, &header);
	memcpy(frame + FRAME_HEADER_BYTES, hello.data, hello.length);
	free(hello.data);
	send_to(fd, frame, FRAME_HEADER_BYTES + header.payload_bytes);
}

static void shake_hands(struct steps *steps, struct connection *connection, int peer)
{
	uint8_t frame[MAX_STEP_BYTES];
	if (next_byte(steps) & 1)
		say_right_hello(peer);
	for (int frames = 0; frames < 3; frames++)
		send_to(peer, frame, next_frame(steps, frame));
	shutdown(peer, SHUT_WR);
	connection->until_ms = now_ms() + 1000;
	if (connection_shakes_hands(connection) && connection->max_in_flight < 1)
		abort();
}

/* Both ends of the rings; `peer` is the worker's. */
static void open_rings(struct connection *connection, struct rings *peer)
{
	struct memory *memory = calloc(1, sizeof *memory);
	int memfd = rings_create(MIN_RING_BYTES);
	if (memory == NULL || memfd < 0 || !rings_map(&memory->rings, memfd, MIN_RING_BYTES, false) ||
	    !rings_map(peer, memfd, MIN_RING_BYTES, true))
		abort();
	close(memfd);
	memory->users = 1;
	memory->connection = connection;
	connection->memory = memory;
}

static gleaner_call *begin_call(struct steps *steps, gleaner_lease *lease)
{
	static uint8_t input[20000];
	const uint8_t kind = next_byte(steps);
	const size_t bytes = kind & 1 ? sizeof input : kind;
	void *place;
	if (kind & 2)
		return gleaner_submit(lease, input, bytes, outputs, kind & 63);
	gleaner_call *call = gleaner_prepare(lease, bytes, &place);
	if (call != NULL)
		memset(place, kind, bytes);
	if (kind & 4)
		gleaner_send(call);
	return call;
}

static void end_call(gleaner_call **call)
{
	volatile uint8_t seen = 0;
	if (*call == NULL || (*call)->error == GLEANER_RUNNING)
		return;
	const uint8_t *output = gleaner_call_output(*call);
	for (size_t at = 0; output != NULL && (*call)->is_in_place && at < (*call)->output_bytes; at += 63)
		seen += output[at];
	(void)seen;
	gleaner_call_free(*call);
	*call = NULL;
}

static void call(struct steps *steps, gleaner_lease *lease, int peer, struct rings *rings)
{
	gleaner_call *calls[CALLS] = { NULL };
	uint8_t frame[MAX_STEP_BYTES];
	struct scribbler scribbler = { .is_there = false };
	if (rings->mapping != NULL && next_byte(steps) % 2 == 0) {
		/* Those that it may answer. */
		for (unsigned at = 0; at < SCRIBBLED_IDS; at++)
			calls[at] = gleaner_submit(lease, "1", 1, outputs, sizeof outputs);
		gleaner_flush(lease);
		scribbler_start(&scribbler, rings, FRAME_RESULT, next_word(steps));
	}
	while (steps->left > 0 && lease->connections[0]->fd >= 0) {
		const uint8_t step = next_byte(steps);
		gleaner_call **one = &calls[step / 8 % CALLS];
		if (step % 8 == 0 && *one == NULL)
			*one = begin_call(steps, lease);
		else if (step % 8 == 1)
			end_call(one);
		else if (rings->mapping != NULL && step % 8 > 2)
			write_into_rings(steps, rings);
		else
			send_to(peer, frame, next_frame(steps, frame));
		drop_what_came(peer);
		for (int look = 0; look < (scribbler.is_there ? LOOKS_BESIDE_SCRIBBLER : 1); look++)
			gleaner_flush(lease);
	}
	gleaner_lease_close(lease);
	for (int at = 0; at < CALLS; at++) {
		end_call(&calls[at]);
		gleaner_call_free(calls[at]);
	}
	scribbler_stop(&scribbler);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steps steps = { data, size };
	const uint8_t way = next_byte(&steps);
	gleaner_options options = { .retry = way & 4 ? GLEANER_RETRY_NEVER : GLEANER_RETRY_EVICTED };
	gleaner_lease *lease = lease_make(&options);
	struct connection *connection = calloc(1, sizeof *connection);
	struct connection **list = calloc(1, sizeof(struct connection *));
	struct rings rings = { .mapping = NULL };
	int pair[2];
	if (lease == NULL || connection == NULL || list == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	*list = connection;
	connection->endpoint = endpoint;
	connection->fd = pair[0];
	connection->max_in_flight = 4;
	connection->concurrency = 1;
	lease->connections = list;
	lease->count = 1;
	if (way % 4 == 0) {
		shake_hands(&steps, connection, pair[1]);
		gleaner_lease_close(lease);
	} else {
		if (way % 4 > 1)
			open_rings(connection, &rings);
		call(&steps, lease, pair[1], &rings);
	}
	rings_unmap(&rings);
	close(pair[1]);
	return 0;
}
