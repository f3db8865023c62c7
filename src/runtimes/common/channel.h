/* The connection of a runtime in C to its executor: whole frames in and out of descriptor 3, and
 * the messages that every runtime sends. */
#ifndef GLEANER_CHANNEL_H
#define GLEANER_CHANNEL_H

#include "frames.h"

#define EXECUTOR_DESCRIPTOR 3

/* One frame; `payload` is aligned for any type and the owner's to free. */
struct frame {
	struct frame_header header;
	uint8_t metadata[MAX_METADATA_BYTES];
	uint8_t *payload;
};

/* A frame that is being read. */
struct channel {
	uint8_t head[FRAME_HEADER_BYTES];
	size_t filled;
	struct frame frame;
};

enum read_end {
	READ_FRAME,
	/* The rest has not arrived. */
	READ_LATER,
	/* The executor is gone, or sent what is no frame. */
	READ_GONE,
};

/* Prepares descriptor 3: programs that handlers start do not inherit it. */
bool channel_open(void);
/* Reads on; after READ_FRAME the frame is the caller's, with its payload. */
enum read_end channel_read(struct channel *channel, bool may_wait, struct frame *frame);

/* Each returns false once the executor is gone. */
bool channel_send(enum frame_type type, uint64_t id, const void *metadata, size_t metadata_bytes,
		  const void *payload, size_t payload_bytes);
bool channel_hello(const char *runtime, const char *language_version);
bool channel_loaded(void);
bool channel_error(enum frame_type type, uint64_t id, const char *kind, const char *class,
		   const char *message);
bool channel_bye(const char *reason);

#endif
