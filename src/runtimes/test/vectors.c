/* Reads frames as hexadecimal lines and prints what the codec in C makes of each, for a test that
 * compares this with the vectors that all runtimes share; with `direct`, those of that path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"

#define MAX_LINE (1u << 20)

static size_t unhex(const char *line, uint8_t *data)
{
	size_t bytes = 0;
	for (unsigned int value; sscanf(line + 2 * bytes, "%2x", &value) == 1; bytes++)
		data[bytes] = (uint8_t)value;
	return bytes;
}

static void print_fields(const char *data, size_t length)
{
	struct fields written = { NULL, 0 };
	if (!fields_are_valid(data, length)) {
		printf(" invalid");
		return;
	}
	for (size_t at = 0; at < length; at += strlen(data + at) + 1) {
		char name[64] = "";
		snprintf(name, sizeof name, "%.*s", (int)strcspn(data + at, "="), data + at);
		fields_add(&written, name, fields_find(data, length, name), MAX_FIELDS_BYTES);
	}
	for (size_t at = 0; at < written.length; at++)
		printf("%02x", (uint8_t)written.data[at]);
	free(written.data);
}

static void print_frame(const uint8_t *data, bool is_direct)
{
	struct frame_header header;
	uint8_t again[FRAME_HEADER_BYTES];
	if (!(is_direct ? frame_decode_direct : frame_decode)(data, &header)) {
		printf("invalid\n");
		return;
	}
	frame_encode(again, &header);
	printf("%d %llu %s ", header.type, (unsigned long long)header.id,
	       memcmp(again, data, sizeof again) == 0 ? "same" : "different");
	const uint8_t *metadata = data + FRAME_HEADER_BYTES, *payload = metadata + header.metadata_bytes;
	struct call_head call;
	if (header.type == FRAME_CALL && call_head_decode(metadata, header.metadata_bytes, &call))
		printf("%u %u %s|%s", call.deadline_ms, call.attempt, call.content_type, call.name);
	else if (header.metadata_bytes == 0)
		print_fields((const char *)payload, header.payload_bytes);
	printf("\n");
}

int main(int argc, char **argv)
{
	bool is_direct = argc == 2 && strcmp(argv[1], "direct") == 0;
	static char line[2 * MAX_LINE];
	static uint8_t data[MAX_LINE];
	while (fgets(line, sizeof line, stdin) != NULL)
		if (unhex(line, data) >= FRAME_HEADER_BYTES)
			print_frame(data, is_direct);
	return 0;
}
