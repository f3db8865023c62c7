/* What the fuzzed programs have in common: each reads its input as steps of a hostile peer. */
#ifndef GLEANER_FUZZ_H
#define GLEANER_FUZZ_H

#include <pthread.h>
#include <stdatomic.h>

#include "frames.h"
#include "ring.h"

/* What libFuzzer calls, and the seeded program in its place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct steps {
	const uint8_t *data;
	size_t left;
};

/* Zeros once nothing is left. */
uint8_t next_byte(struct steps *steps);
uint32_t next_word(struct steps *steps);
/* Takes at most `most` bytes; returns how many. */
size_t next_bytes(struct steps *steps, const uint8_t **bytes, size_t most);

#define MAX_STEP_BYTES 4096u
/* Writes a frame, or what is nearly one, to `to`; returns its length, at most MAX_STEP_BYTES. */
size_t next_frame(struct steps *steps, uint8_t *to);
/* Sends as much as the socket takes. */
void send_to(int fd, const void *data, size_t bytes);
/* Reads and forgets what has come. */
void drop_what_came(int fd);
/* Writes somewhere into the state and the rings, as a peer might. */
void write_into_rings(struct steps *steps, struct rings *rings);

/* A thread of the peer's, which writes to the rings while they are read. */
struct scribbler {
	pthread_t thread;
	struct rings rings;
	/* That of its frames. */
	uint8_t type;
	uint64_t state;
	bool is_there;
	_Atomic bool ends;
};

#define SCRIBBLED_IDS 4u
/* How often the honest side looks after each step while there is one. */
#define LOOKS_BESIDE_SCRIBBLER 64
void scribbler_start(struct scribbler *scribbler, const struct rings *rings, uint8_t type, uint32_t seed);
/* It must have stopped before the rings are unmapped. */
void scribbler_stop(struct scribbler *scribbler);

#endif
