/* A hostile peer's thread: it changes headers, lengths and states while the other side reads. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Where readers are most of the time, since rings rewind. */
#define SCRIBBLED_BYTES (4u << 10)

static uint32_t random_below(struct scribbler *scribbler, uint32_t limit)
{
	/* xorshift64* */
	scribbler->state ^= scribbler->state >> 12;
	scribbler->state ^= scribbler->state << 25;
	scribbler->state ^= scribbler->state >> 27;
	return (uint32_t)((scribbler->state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % limit;
}

/* A frame that is valid before and after, and seldom not: the reader goes on for long. */
static void change_frame(struct scribbler *scribbler)
{
	static const uint32_t lengths[] = { 8, 9, 40, 48, 56, 300, 5000, 9000, 20000, 30000, 65000 };
	uint8_t *frame = scribbler->rings.out.data + random_below(scribbler, SCRIBBLED_BYTES / RING_ALIGNMENT) * RING_ALIGNMENT;
	const uint32_t length = lengths[random_below(scribbler, sizeof lengths / sizeof *lengths)];
	const uint32_t metadata = random_below(scribbler, 3) == 0 ? random_below(scribbler, 1025) : 8;
	struct frame_header header = { scribbler->type, (uint16_t)metadata,
				       length < metadata ? 0 : length - metadata, 1 + random_below(scribbler, SCRIBBLED_IDS) };
	uint8_t head[FRAME_HEADER_BYTES];
	frame_encode(head, &header);
	/* The flag that says that the ring rewinds. */
	head[5] = (uint8_t)(random_below(scribbler, 4) == 0);
	const uint32_t from = random_below(scribbler, 3) == 0 ? random_below(scribbler, FRAME_HEADER_BYTES) : 0;
	memcpy(frame + from, head + from, FRAME_HEADER_BYTES - from);
}

static void change_state(struct scribbler *scribbler)
{
	_Atomic uint32_t *words = (_Atomic uint32_t *)scribbler->rings.mapping;
	const uint32_t value = random_below(scribbler, 2) == 0 ? random_below(scribbler, 1u << 17)
							       : random_below(scribbler, UINT32_MAX);
	atomic_store(&words[random_below(scribbler, RING_STATE_BYTES / sizeof *words)], value);
}

static void *scribble(void *argument)
{
	struct scribbler *scribbler = argument;
	while (!scribbler->ends) {
		for (int change = 0; change < 64; change++)
			change_frame(scribbler);
		change_state(scribbler);
	}
	return NULL;
}

void scribbler_start(struct scribbler *scribbler, const struct rings *rings, uint8_t type, uint32_t seed)
{
	scribbler->rings = *rings;
	scribbler->type = type;
	scribbler->state = (uint64_t)seed * 2 + 1;
	scribbler->ends = false;
	if (pthread_create(&scribbler->thread, NULL, scribble, scribbler) != 0)
		abort();
	scribbler->is_there = true;
}

void scribbler_stop(struct scribbler *scribbler)
{
	if (!scribbler->is_there)
		return;
	scribbler->ends = true;
	pthread_join(scribbler->thread, NULL);
	scribbler->is_there = false;
}
