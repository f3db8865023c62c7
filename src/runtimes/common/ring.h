/* Shared memory between a client and a leased worker on one host: two rings of frames in one memfd,
 * each mapped twice in a row, so that every frame is contiguous and used in place.
 *
 * A frame is there once the word of its header that has the type is not zero; the producer writes
 * that word last, after it has zeroed the same word of the frame to come. So a reader that spins
 * finds the header, and a short payload, in the one cache line that it watches. A frame may
 * say that the next one is at the start of the ring: so small traffic stays in the caches, and
 * touches few pages. The rest of the ring is then used until that frame has been given back, so a
 * consumer that keeps frames forbids it.
 *
 * The peer is hostile: what it writes is read once and bounded. Whoever finds its ring empty (or
 * full) may sleep: it says so in the ring's state, and the other side wakes it with a byte over the
 * socket, which also says when a side is gone. */
#ifndef GLEANER_RING_H
#define GLEANER_RING_H

#include "frames.h"

#define RING_STATE_BYTES 4096u
#define MIN_RING_BYTES (64u << 10)
#define MAX_RING_BYTES (256u << 20)
/* Room for the longest output: the function writes it where it is read. Only what is used is in
 * memory. */
#define DEFAULT_RING_BYTES (128u << 20)
#define RING_ALIGNMENT 64u
/* Raised when frames lie in another way: a side that does not know it must not read them. */
#define RING_LAYOUT 2u

struct ring_state;

struct ring {
	struct ring_state *state;
	uint8_t *data;
	uint32_t bytes;
	/* Where this side is: of the next frame. */
	uint32_t position;
	/* For the producer: up to where the room was given back when it last looked, and where it
	 * last looked whether to rewind. */
	uint32_t seen, rewind_checked;
};

struct rings {
	struct ring in, out;
	uint8_t *mapping;
	size_t mapped;
};

/* A frame in a ring, from its start to where the next one begins. A payload that is too short for
 * a cache line of its own is not aligned. */
struct ring_frame {
	struct frame_header header;
	uint8_t *metadata, *payload;
	uint32_t start, end;
	/* The next one begins at the start of the ring. */
	bool rewinds;
};

enum ring_look { RING_EMPTY, RING_FRAME, RING_BROKEN };

bool ring_bytes_are_valid(uint32_t bytes);
/* A sealed memfd for two rings; -1 if there is no memory. */
int rings_create(uint32_t bytes);
/* Checks the size and the seals; the descriptor may be closed afterwards. */
bool rings_map(struct rings *rings, int memfd, uint32_t bytes, bool is_worker);
void rings_unmap(struct rings *rings);

/* The next frame, without taking it. */
enum ring_look ring_look(struct ring *ring, struct ring_frame *frame);
/* Takes it and gives its room back; true if the peer sleeps until there is some. */
bool ring_take(struct ring *ring, const struct ring_frame *frame);
/* Takes it and keeps its room, with that of all that follow, until ring_give_back. */
void ring_keep(struct ring *ring, const struct ring_frame *frame);
/* Gives the room up to a frame's start or end back; true if the peer sleeps until there is some. */
bool ring_give_back(struct ring *ring, uint32_t until);

/* Room for a frame with at most `payload_bytes`; NULL while there is none. Its payload, which is
 * aligned, may be written until ring_put. */
uint8_t *ring_reserve(struct ring *ring, size_t metadata_bytes, size_t payload_bytes);
/* Whether a frame can ever have room. */
bool ring_can_hold(const struct ring *ring, size_t metadata_bytes, size_t payload_bytes);
/* Whether the producer may rewind with the frames that answer what is sent from now on. */
void ring_may_rewind(struct ring *ring, bool may);
/* Sends the frame that was reserved; true if the peer sleeps until there is one. */
bool ring_put(struct ring *ring, const struct frame_header *header, const void *metadata);

/* Each says that this side is going to sleep; false if it must not, since there is something. */
bool ring_sleeps_empty(struct ring *ring);
bool ring_sleeps_full(struct ring *ring, size_t metadata_bytes, size_t payload_bytes);
void ring_is_awake(struct rings *rings);

/* Between two looks of a loop that spins. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ volatile("yield");
#endif
}

#endif
