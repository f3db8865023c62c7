/* The connection to the client of `glean run`: whole frames in, frames out through a buffer that
 * bounds what waits for a slow reader. docs/reference/run-protocol.md describes the frames. */
#ifndef GLEANER_ATTACH_STREAM_H
#define GLEANER_ATTACH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_HEADER_BYTES 8
#define STREAM_MAX_PAYLOAD (64u << 10)
/* Output of tasks waits in their pipes while more than this has not been sent. */
#define STREAM_OUTPUT_BYTES (256u << 10)
/* Room for short frames beside it: a few for each of the most tasks. */
#define STREAM_BUFFER_BYTES (STREAM_OUTPUT_BYTES + STREAM_MAX_PAYLOAD + (256u << 10))
/* In place of a task's number. */
#define STREAM_ALL_TASKS 65535u

enum stream_type {
	/* In the handshake. */
	STREAM_HELLO = 1,
	STREAM_CLIENT_PROOF,
	STREAM_NODE_PROOF,
	STREAM_ACCEPTED,
	STREAM_REFUSED,
	/* From the client. */
	STREAM_INPUT = 16,
	STREAM_SIGNAL,
	STREAM_WINDOW,
	/* From the node. */
	STREAM_STARTED = 32,
	STREAM_OUTPUT,
	STREAM_ERRORS,
	STREAM_EXITED,
	STREAM_TAKEN,
	STREAM_NOTICE,
	STREAM_FAILED,
	STREAM_OVER,
};

struct stream_frame {
	enum stream_type type;
	unsigned task;
	/* Until the next read; a NUL byte follows it. */
	const uint8_t *payload;
	size_t length;
};

struct stream {
	int fd;
	uint8_t in[STREAM_HEADER_BYTES + STREAM_MAX_PAYLOAD + 1];
	/* What has arrived, and how much of that is the frame that was handed out last. */
	size_t in_length, in_taken;
	/* The byte that a NUL after the last payload covers. */
	uint8_t covered;
	uint8_t out[STREAM_BUFFER_BYTES];
	size_t out_from, out_length;
};

enum stream_end {
	STREAM_FRAME,
	/* The rest has not arrived. */
	STREAM_LATER,
	/* The client is gone, or sent what is no frame. */
	STREAM_GONE,
};

/* Takes a descriptor that does not wait. */
void stream_open(struct stream *stream, int fd);
enum stream_end stream_read(struct stream *stream, struct stream_frame *frame);
/* False once the client is gone. */
bool stream_flush(struct stream *stream);
bool stream_has_output(const struct stream *stream);
/* How much output of a task may be added now: at most a payload. */
size_t stream_room(const struct stream *stream);
void stream_add(struct stream *stream, enum stream_type type, unsigned task, const void *payload, size_t length);
/* Where the payload of the next frame goes; `stream_commit` then adds that frame. */
uint8_t *stream_reserve(struct stream *stream);
void stream_commit(struct stream *stream, enum stream_type type, unsigned task, size_t length);

#endif
