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

/* Each on its own cache line. */
struct ring_state {
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t head;
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t tail;
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t consumer_sleeps;
	_Alignas(RING_ALIGNMENT) _Atomic uint32_t producer_sleeps;
};

static size_t aligned(size_t bytes)
{
	return (bytes + RING_ALIGNMENT - 1) / RING_ALIGNMENT * RING_ALIGNMENT;
}

static size_t frame_bytes(size_t metadata_bytes, size_t payload_bytes)
{
	return aligned(FRAME_HEADER_BYTES + metadata_bytes) + aligned(payload_bytes);
}

static uint8_t *at(const struct ring *ring, uint32_t position)
{
	return ring->data + (position & (ring->bytes - 1));
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

enum ring_look ring_look(struct ring *ring, struct ring_frame *frame)
{
	uint8_t head[FRAME_HEADER_BYTES];
	if (ring->seen == ring->position) {
		ring->seen = atomic_load_explicit(&ring->state->head, memory_order_acquire);
		if (ring->seen == ring->position)
			return RING_EMPTY;
	}
	uint32_t there = ring->seen - ring->position;
	if (there > ring->bytes || there % RING_ALIGNMENT != 0)
		return RING_BROKEN;
	uint8_t *start = at(ring, ring->position);
	memcpy(head, start, sizeof head);
	if (!frame_decode_direct(head, &frame->header))
		return RING_BROKEN;
	size_t whole = frame_bytes(frame->header.metadata_bytes, frame->header.payload_bytes);
	if (whole > there)
		return RING_BROKEN;
	frame->metadata = start + FRAME_HEADER_BYTES;
	frame->payload = start + aligned(FRAME_HEADER_BYTES + frame->header.metadata_bytes);
	frame->end = ring->position + (uint32_t)whole;
	return RING_FRAME;
}

/* Looks only after the change before is seen by the other side. */
static bool was_asleep(_Atomic uint32_t *sleeps)
{
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(sleeps, memory_order_relaxed) != 0 && atomic_exchange(sleeps, 0) != 0;
}

bool ring_take(struct ring *ring, const struct ring_frame *frame)
{
	ring->position = frame->end;
	atomic_store_explicit(&ring->state->tail, ring->position, memory_order_release);
	return was_asleep(&ring->state->producer_sleeps);
}

bool ring_can_hold(const struct ring *ring, size_t metadata_bytes, size_t payload_bytes)
{
	return frame_bytes(metadata_bytes, payload_bytes) <= ring->bytes;
}

static bool has_room(struct ring *ring, size_t needed)
{
	/* A tail that no reader can have leaves no room. */
	uint32_t used = ring->position - ring->seen;
	if (used <= ring->bytes && needed <= ring->bytes - used)
		return true;
	ring->seen = atomic_load_explicit(&ring->state->tail, memory_order_acquire);
	used = ring->position - ring->seen;
	return used <= ring->bytes && needed <= ring->bytes - used;
}

uint8_t *ring_reserve(struct ring *ring, size_t metadata_bytes, size_t payload_bytes)
{
	if (!has_room(ring, frame_bytes(metadata_bytes, payload_bytes)))
		return NULL;
	return at(ring, ring->position) + aligned(FRAME_HEADER_BYTES + metadata_bytes);
}

bool ring_put(struct ring *ring, const struct frame_header *header, const void *metadata)
{
	uint8_t *start = at(ring, ring->position);
	frame_encode(start, header);
	if (header->metadata_bytes > 0)
		memcpy(start + FRAME_HEADER_BYTES, metadata, header->metadata_bytes);
	ring->position += (uint32_t)frame_bytes(header->metadata_bytes, header->payload_bytes);
	atomic_store_explicit(&ring->state->head, ring->position, memory_order_release);
	return was_asleep(&ring->state->consumer_sleeps);
}

bool ring_sleeps_empty(struct ring *ring)
{
	atomic_store(&ring->state->consumer_sleeps, 1);
	return atomic_load(&ring->state->head) == ring->position;
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
