/* The steps of a hostile peer. */
#include "fuzz.h"

#include <string.h>
#include <sys/socket.h>

uint8_t next_byte(struct steps *steps)
{
	if (steps->left == 0)
		return 0;
	steps->left--;
	return *steps->data++;
}

uint32_t next_word(struct steps *steps)
{
	uint32_t word = 0;
	for (int at = 0; at < 4; at++)
		word = word << 8 | next_byte(steps);
	return word;
}

size_t next_bytes(struct steps *steps, const uint8_t **bytes, size_t most)
{
	size_t taken = steps->left < most ? steps->left : most;
	*bytes = steps->data;
	steps->data += taken;
	steps->left -= taken;
	return taken;
}

static const char *const fields[] = {
	"version=1",	  "worker=1.1",	   "hotMs=-1",	    "maxInFlight=64", "kind=exception", "type=T",
	"message=it is.", "ringBytes=65536", "state=ACTIVE", "state=ENDED",    "reason=over",	"host=127.0.0.1",
	"port=9",	  "nonce=00",	   "proof=00",	    "=",	      "ringBytes=4294967296",
};
static const uint8_t types[] = {
	FRAME_CALL,	     FRAME_RESULT,	  FRAME_ERROR,	   FRAME_CANCEL,   FRAME_BYE,	     DIRECT_CLIENT_HELLO,
	DIRECT_WORKER_HELLO, DIRECT_CLIENT_PROOF, DIRECT_ACCEPTED, DIRECT_REFUSED, DIRECT_BUSY,	     DIRECT_TERMINATING,
	DIRECT_ENDED,	     DIRECT_SHM_OPEN,	  DIRECT_OFI_OPEN, HOLD_LEASE,	   HOLD_ENDPOINT,
};

static size_t next_fields(struct steps *steps, uint8_t *to, size_t room)
{
	size_t length = 0;
	for (int count = next_byte(steps) % 8; count > 0; count--) {
		const char *field = fields[next_byte(steps) % (sizeof fields / sizeof *fields)];
		size_t bytes = strlen(field) + 1;
		if (length + bytes > room)
			break;
		memcpy(to + length, field, bytes);
		length += bytes;
	}
	return length;
}

size_t next_frame(struct steps *steps, uint8_t *to)
{
	const uint8_t kind = next_byte(steps), chosen = next_byte(steps);
	const uint8_t *bytes;
	uint8_t *body = to + FRAME_HEADER_BYTES;
	const size_t room = MAX_STEP_BYTES - FRAME_HEADER_BYTES;
	size_t length;
	if (kind & 1)
		length = next_fields(steps, body, room);
	else {
		length = next_bytes(steps, &bytes, (size_t)next_byte(steps) << (kind >> 6) * 2);
		length = length < room ? length : room;
		memcpy(body, bytes, length);
	}
	uint16_t metadata = kind & 2 ? next_byte(steps) % (length + 1) : 0;
	struct frame_header header = { types[chosen % sizeof types], metadata, (uint32_t)(length - metadata),
				       next_byte(steps) % 9 };
	frame_encode(to, &header);
	/* One that lies, in any of its bytes. */
	if (kind & 4)
		to[next_byte(steps) % FRAME_HEADER_BYTES] = next_byte(steps);
	return FRAME_HEADER_BYTES + length;
}

void send_to(int fd, const void *data, size_t bytes)
{
	(void)send(fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void drop_what_came(int fd)
{
	uint8_t dropped[4096];
	while (recv(fd, dropped, sizeof dropped, MSG_DONTWAIT) > 0)
		;
}

void write_into_rings(struct steps *steps, struct rings *rings)
{
	uint8_t frame[MAX_STEP_BYTES];
	struct ring *out = &rings->out;
	const uint8_t where = next_byte(steps);
	const uint32_t at = next_word(steps);
	const uint8_t *bytes;
	size_t length;
	if (where % 4 == 0) {
		length = next_bytes(steps, &bytes, next_byte(steps));
		memcpy(rings->mapping + at % (RING_STATE_BYTES - 256), bytes, length);
	} else if (where % 4 == 1) {
		length = next_frame(steps, frame);
		memcpy(out->data + at % out->bytes, frame, length);
	} else if (where % 4 == 2) {
		length = next_frame(steps, frame);
		memcpy(out->data + (out->position & (out->bytes - 1)), frame, length);
		out->position += (uint32_t)((length + RING_ALIGNMENT - 1) / RING_ALIGNMENT * RING_ALIGNMENT);
	} else {
		uint32_t tail = rings->in.position + at % (2 * out->bytes);
		(void)ring_give_back(&rings->in, where & 64 ? at : tail);
	}
}
