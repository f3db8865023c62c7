/* The rings of shared memory. */
#include "ring.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SECOND_STATE 1024

/* The word of a header that says that a frame is there. */
#define TYPE_AT 4
/* The header's flags, and the only one, which there is only in rings: the next frame is at the
 * start. */
#define FLAGS_AT 5
#define FLAG_REWINDS 1
/* How much of a ring is used as long as little is under way. */
#define WINDOW_BYTES (64u << 10)
#define LITTLE_BYTES (16u << 10)
#define MAX_FETCHED_BYTES (4u << 10)

/* Each on its own cache line. */
struct ring_state {
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t tail;
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t consumer_sleeps;
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t producer_sleeps;
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t consumer_keeps;
};

static size_t aligned(size_t bytes)
{
	return (bytes + RING_ALIGNMENT - 1) / RING_ALIGNMENT * RING_ALIGNMENT;
}

/* Whether header, metadata and payload share one cache line. */
static bool is_short(size_t metadata_bytes, size_t payload_bytes)
{
	return FRAME_HEADER_BYTES + metadata_bytes + payload_bytes <= RING_ALIGNMENT;
}

static size_t frame_bytes(size_t metadata_bytes, size_t payload_bytes)
{
	return is_short(metadata_bytes, payload_bytes)
		       ? RING_ALIGNMENT
		       : aligned(FRAME_HEADER_BYTES + metadata_bytes) + aligned(payload_bytes);
}

static uint8_t *at(const struct ring *ring, uint32_t position)
{
	return ring->data + (position & (ring->bytes - 1));
}

static _Atomic uint32_t *type_at(const struct ring *ring, uint32_t position)
{
	return (_Atomic uint32_t *)(at(ring, position) + TYPE_AT);
}

bool ring_bytes_are_valid(uint32_t bytes)
{
	return bytes >= MIN_RING_BYTES && bytes <= MAX_RING_BYTES && (bytes & (bytes - 1)) == 0;
}

int rings_create(uint32_t bytes)
{
	int memfd = memfd_create("gleaner-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -1;
	if (ftruncate(memfd, RING_STATE_BYTES + 2 * (off_t)bytes) == 0 && fcntl(memfd, F_ADD_SEALS, SEALS) == 0)
		return memfd;
	close(memfd);
	return -1;
}

static bool is_as_agreed(int memfd, uint32_t bytes)
{
	struct stat found;
	int seals = fcntl(memfd, F_GET_SEALS);
	return ring_bytes_are_valid(bytes) && seals >= 0 && (seals & SEALS) == SEALS && fstat(memfd, &found) == 0 &&
	       found.st_size == (off_t)(RING_STATE_BYTES + 2 * (off_t)bytes);
}

static bool map_part(uint8_t *where, size_t bytes, int memfd, off_t from)
{
	return mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd, from) != MAP_FAILED;
}

bool rings_map(struct rings *rings, int memfd, uint32_t bytes, bool is_worker)
{
	if (!is_as_agreed(memfd, bytes))
		return false;
	/* A page without access stays behind each: what runs beyond a ring crashes there. */
	const size_t page = RING_STATE_BYTES, each = 2 * (size_t)bytes + page, total = page + 2 * each;
	uint8_t *base = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return false;
	uint8_t *first = base + page, *second = first + each;
	const off_t from = RING_STATE_BYTES, then = from + (off_t)bytes;
	if (!map_part(base, page, memfd, 0) || !map_part(first, bytes, memfd, from) ||
	    !map_part(first + bytes, bytes, memfd, from) || !map_part(second, bytes, memfd, then) ||
	    !map_part(second + bytes, bytes, memfd, then)) {
		munmap(base, total);
		return false;
	}
	struct ring to_worker = { .state = (struct ring_state *)base, .data = first, .bytes = bytes };
	struct ring to_client = { .state = (struct ring_state *)(base + SECOND_STATE), .data = second, .bytes = bytes };
	*rings = (struct rings){ .mapping = base, .mapped = total };
	rings->in = is_worker ? to_worker : to_client;
	rings->out = is_worker ? to_client : to_worker;
	return true;
}

void rings_unmap(struct rings *rings)
{
	if (rings->mapping != NULL)
		munmap(rings->mapping, rings->mapped);
	rings->mapping = NULL;
}

/* Where the frame after one that ends there begins if that rewinds. */
static uint32_t start_after(const struct ring *ring, uint32_t end)
{
	return (end | (ring->bytes - 1)) + 1;
}

enum ring_look ring_look(struct ring *ring, struct ring_frame *frame)
{
	uint8_t head[FRAME_HEADER_BYTES];
	if (atomic_load_explicit(type_at(ring, ring->position), memory_order_acquire) == 0)
		return RING_EMPTY;
	uint8_t *start = at(ring, ring->position);
	memcpy(head, start, sizeof head);
	const bool rewinds = head[FLAGS_AT] == FLAG_REWINDS;
	if (rewinds)
		head[FLAGS_AT] = 0;
	if (!frame_decode_direct(head, &frame->header))
		return RING_BROKEN;
	const size_t metadata = frame->header.metadata_bytes, payload = frame->header.payload_bytes;
	if (!ring_can_hold(ring, metadata, payload))
		return RING_BROKEN;
	size_t payload_at = FRAME_HEADER_BYTES + metadata;
	frame->metadata = start + FRAME_HEADER_BYTES;
	frame->payload = start + (is_short(metadata, payload) ? payload_at : aligned(payload_at));
	frame->start = ring->position;
	frame->rewinds = rewinds;
	frame->end = ring->position + (uint32_t)frame_bytes(metadata, payload);
	if (rewinds)
		frame->end = start_after(ring, frame->end);
	return RING_FRAME;
}

/* Looks only after the change before is seen by the other side. */
static bool was_asleep(_Atomic uint32_t *sleeps)
{
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(sleeps, memory_order_relaxed) != 0 && atomic_exchange(sleeps, 0) != 0;
}

bool ring_give_back(struct ring *ring, uint32_t until)
{
	atomic_store_explicit(&ring->state->tail, until, memory_order_release);
	return was_asleep(&ring->state->producer_sleeps);
}

void ring_keep(struct ring *ring, const struct ring_frame *frame)
{
	ring->position = frame->end;
}

bool ring_take(struct ring *ring, const struct ring_frame *frame)
{
	ring_keep(ring, frame);
	return ring_give_back(ring, frame->end);
}

/* With the header of the frame that follows, whose word is zeroed. */
static bool fits(const struct ring *ring, uint32_t used, size_t needed)
{
	/* A tail that no reader can have leaves no room. */
	return used <= ring->bytes && needed + RING_ALIGNMENT <= ring->bytes - used;
}

bool ring_can_hold(const struct ring *ring, size_t metadata_bytes, size_t payload_bytes)
{
	return fits(ring, 0, frame_bytes(metadata_bytes, payload_bytes));
}

static bool has_room(struct ring *ring, size_t needed)
{
	if (fits(ring, ring->position - ring->seen, needed))
		return true;
	ring->seen = atomic_load_explicit(&ring->state->tail, memory_order_acquire);
	return fits(ring, ring->position - ring->seen, needed);
}

uint8_t *ring_reserve(struct ring *ring, size_t metadata_bytes, size_t payload_bytes)
{
	if (!has_room(ring, frame_bytes(metadata_bytes, payload_bytes)))
		return NULL;
	return at(ring, ring->position) + aligned(FRAME_HEADER_BYTES + metadata_bytes);
}

/* Whether the frame after the one that ends there begins at the start. */
static bool rewinds_after(struct ring *ring, uint32_t end)
{
	const uint32_t start = start_after(ring, end);
	if (ring->position - ring->rewind_checked < WINDOW_BYTES)
		return false;
	ring->rewind_checked = ring->position;
	if (atomic_load_explicit(&ring->state->consumer_keeps, memory_order_relaxed) != 0)
		return false;
	ring->seen = atomic_load_explicit(&ring->state->tail, memory_order_acquire);
	if (ring->position - ring->seen > LITTLE_BYTES || !fits(ring, start - ring->seen, 0))
		return false;
	ring->rewind_checked = start;
	return true;
}

void ring_may_rewind(struct ring *ring, bool may)
{
	/* It is seen with the next frame that is put into the other ring. */
	atomic_store_explicit(&ring->state->consumer_keeps, !may, memory_order_relaxed);
}

/* Fetches the cache lines of the next frame, which the peer has read, to be written: it is likely
 * as long as the last one, and there is time for it now. */
static void fetch_next(const struct ring *ring, size_t bytes)
{
	const uint8_t *next = at(ring, ring->position);
	for (size_t line = 0; line <= bytes && line < MAX_FETCHED_BYTES; line += RING_ALIGNMENT)
#if defined(__x86_64__)
		/* The compiler's own means the same only for newer processors. */
		__asm__ volatile("prefetchw %0" : : "m"(next[line]));
#else
		__builtin_prefetch(next + line, 1);
#endif
}

bool ring_put(struct ring *ring, const struct frame_header *header, const void *metadata)
{
	const size_t metadata_bytes = header->metadata_bytes, payload_bytes = header->payload_bytes;
	uint8_t *start = at(ring, ring->position), *payload = start + FRAME_HEADER_BYTES + metadata_bytes;
	_Atomic uint32_t *type = type_at(ring, ring->position);
	uint8_t head[FRAME_HEADER_BYTES];
	uint32_t word;
	frame_encode(head, header);
	if (metadata_bytes > 0)
		memcpy(start + FRAME_HEADER_BYTES, metadata, metadata_bytes);
	if (is_short(metadata_bytes, payload_bytes))
		memcpy(payload, start + aligned(FRAME_HEADER_BYTES + metadata_bytes), payload_bytes);
	const uint32_t end = ring->position + (uint32_t)frame_bytes(metadata_bytes, payload_bytes);
	head[FLAGS_AT] = rewinds_after(ring, end) ? FLAG_REWINDS : 0;
	ring->position = head[FLAGS_AT] == FLAG_REWINDS ? start_after(ring, end) : end;
	atomic_store_explicit(type_at(ring, ring->position), 0, memory_order_relaxed);
	memcpy(start, head, TYPE_AT);
	memcpy(start + TYPE_AT + sizeof word, head + TYPE_AT + sizeof word, FRAME_HEADER_BYTES - TYPE_AT - sizeof word);
	memcpy(&word, head + TYPE_AT, sizeof word);
	atomic_store_explicit(type, word, memory_order_release);
	fetch_next(ring, frame_bytes(metadata_bytes, payload_bytes));
	return was_asleep(&ring->state->consumer_sleeps);
}

bool ring_sleeps_empty(struct ring *ring)
{
	atomic_store(&ring->state->consumer_sleeps, 1);
	return atomic_load(type_at(ring, ring->position)) == 0;
}

bool ring_sleeps_full(struct ring *ring, size_t metadata_bytes, size_t payload_bytes)
{
	atomic_store(&ring->state->producer_sleeps, 1);
	atomic_thread_fence(memory_order_seq_cst);
	return !has_room(ring, frame_bytes(metadata_bytes, payload_bytes));
}

void ring_is_awake(struct rings *rings)
{
	atomic_store_explicit(&rings->in.state->consumer_sleeps, 0, memory_order_relaxed);
	atomic_store_explicit(&rings->out.state->producer_sleeps, 0, memory_order_relaxed);
}
