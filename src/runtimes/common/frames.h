/* Frames of the worker protocol and of the direct path for programs in C: headers, fields and the
 * head of a call, without any input or output. */
#ifndef GLEANER_FRAMES_H
#define GLEANER_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_LOAD,
	FRAME_LOADED,
	FRAME_LOAD_FAILED,
	FRAME_CALL,
	FRAME_CANCEL,
	FRAME_RESULT,
	FRAME_ERROR,
	FRAME_LOG,
	FRAME_BYE,
	FRAME_FORK,
	FRAME_FORKED,
	FRAME_FORK_FAILED,
	FRAME_CHILD_ENDED,
	FRAME_SERVE,
	FRAME_SERVING,
	FRAME_USAGE,
	FRAME_TERMINATING,
};

/* The direct path between clients and leased workers also has FRAME_CALL, FRAME_CANCEL,
 * FRAME_RESULT, FRAME_ERROR and FRAME_BYE. */
enum direct_type {
	DIRECT_CLIENT_HELLO = 32,
	DIRECT_WORKER_HELLO,
	DIRECT_CLIENT_PROOF,
	DIRECT_ACCEPTED,
	DIRECT_REFUSED,
	DIRECT_BUSY,
	DIRECT_TERMINATING,
	DIRECT_ENDED,
	DIRECT_SHM_OPEN,
	DIRECT_SHM_ACCEPTED,
	DIRECT_OFI_OPEN,
	DIRECT_OFI_ACCEPTED,
};

/* What `glean lease hold` says, with FRAME_RESULT, FRAME_ERROR, FRAME_BYE and DIRECT_ENDED. */
enum hold_type {
	HOLD_LEASE = 50,
	HOLD_ENDPOINT,
};

#define FRAME_HEADER_BYTES 16
#define MAX_PAYLOAD_BYTES (64u << 20)
#define MAX_METADATA_BYTES 1024u
#define MAX_FIELDS_BYTES (64u << 10)
#define MAX_LOG_PIECE_BYTES (64u << 10)
#define MAX_HANDSHAKE_BYTES 1024u
#define MAX_CONTENT_TYPE_BYTES 255
#define MAX_MESSAGE_BYTES (8u << 10)

struct frame_header {
	/* enum frame_type, direct_type or hold_type. */
	uint8_t type;
	uint16_t metadata_bytes;
	uint32_t payload_bytes;
	uint64_t id;
};

/* False for what is no header of the worker protocol, or one over its limits. */
bool frame_decode(const uint8_t data[FRAME_HEADER_BYTES], struct frame_header *header);
/* The same for the direct path. */
bool frame_decode_direct(const uint8_t data[FRAME_HEADER_BYTES], struct frame_header *header);
/* The same for what `glean lease hold` says. */
bool frame_decode_hold(const uint8_t data[FRAME_HEADER_BYTES], struct frame_header *header);
void frame_encode(uint8_t data[FRAME_HEADER_BYTES], const struct frame_header *header);

/* Fields that are being written; `data` grows and is the caller's to free. What does not fit in
 * memory is omitted. */
struct fields {
	char *data;
	size_t length;
};

/* Writes at most `limit` bytes of the value, cut between characters. */
void fields_add(struct fields *fields, const char *name, const char *value, size_t limit);
void fields_add_number(struct fields *fields, const char *name, unsigned long value);

/* Whether they all have names, and the last one ends. */
bool fields_are_valid(const char *data, size_t length);
/* The value of a valid message's field, which a NUL byte ends, or NULL. */
const char *fields_find(const char *data, size_t length, const char *name);
/* The default if the field is missing or no number. */
unsigned long fields_number(const char *data, size_t length, const char *name, unsigned long otherwise);

struct call_head {
	uint32_t deadline_ms;
	uint16_t attempt;
	char content_type[MAX_METADATA_BYTES];
	char name[MAX_METADATA_BYTES];
};

bool call_head_decode(const uint8_t *metadata, size_t length, struct call_head *head);

#endif
