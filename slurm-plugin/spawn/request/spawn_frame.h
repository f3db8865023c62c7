/* The frames that an executor sends to glean-spawn: requests and control messages, one behind the
 * other.
 *
 * u32 length, u32 id, u8 kind, then `length` bytes. Integers are little-endian. PROTOCOL.md
 * specifies them. */
#ifndef GLEAN_SPAWN_FRAME_H
#define GLEAN_SPAWN_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD 9
/* The body of FRAME_SIGNAL: a signal, and which processes get it (spawn_signal.h). */
#define FRAME_SIGNAL_BODY 2
/* The body of FRAME_ADMIT: u32 uid, then a path without its end (spawn_admit.h). */
#define FRAME_ADMIT_MAX (4 + 4095)

enum frame_kind {
	FRAME_REQUEST = 'R',
	FRAME_TERMINATE = 'T',
	FRAME_TIME_LIMIT = 'L',
	FRAME_REQUEUE = 'Q',
	FRAME_NOTICE = 'N',
	FRAME_KILL = 'K',
	FRAME_SIGNAL = 'S',
	FRAME_ADMIT = 'A',
};

struct frame {
	enum frame_kind kind;
	uint32_t id; /* of the attempt */
	uint8_t *body;
	uint32_t length;
};

enum frame_state {
	FRAME_WHOLE,
	FRAME_CUT,	/* the rest has not arrived yet; nothing of `frame` is set */
	FRAME_TOO_LONG, /* a request above REQUEST_MAX, whose body need not have arrived */
	FRAME_BROKEN,	/* not a frame, so nobody knows where the next one begins */
};

uint32_t spawn_frame_u32(const uint8_t *at);

/* Reads the frame at the start of `left` bytes. */
enum frame_state spawn_frame_read(uint8_t *at, size_t left, struct frame *frame);

#endif
