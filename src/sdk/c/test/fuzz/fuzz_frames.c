/* Headers, fields, heads of calls, hex and proofs from any bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proof.h"

static void check_fields(const uint8_t *data, size_t length)
{
	static const char *const names[] = { "worker", "nonce", "hotMs", "version", "" };
	/* A copy of exactly its size, so that reading beyond it is seen. */
	char *copy = malloc(length + 1);
	if (copy == NULL)
		return;
	memcpy(copy, data, length);
	char *exact = length == 0 ? NULL : realloc(copy, length);
	if (exact != NULL && fields_are_valid(exact, length))
		for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
			const char *value = fields_find(exact, length, names[at]);
			(void)nonce_is_valid(value);
			if (value != NULL && value + strlen(value) >= exact + length)
				abort();
			(void)fields_number(exact, length, names[at], 7);
		}
	free(exact == NULL ? copy : exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_header header;
	struct call_head head;
	uint8_t again[FRAME_HEADER_BYTES];
	bool (*const decoders[])(const uint8_t *, struct frame_header *) = { frame_decode, frame_decode_direct,
									    frame_decode_hold };
	for (size_t at = 0; at < 3 && size >= FRAME_HEADER_BYTES; at++) {
		if (!decoders[at](data, &header))
			continue;
		if (header.metadata_bytes > MAX_METADATA_BYTES || header.payload_bytes > MAX_PAYLOAD_BYTES)
			abort();
		frame_encode(again, &header);
		if (memcmp(again, data, sizeof again) != 0)
			abort();
	}
	check_fields(data, size);
	if (call_head_decode(data, size, &head) && strlen(head.content_type) + strlen(head.name) > size)
		abort();
	return 0;
}
