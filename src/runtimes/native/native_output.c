/* The memory into which functions write their outputs. */
#include "native_output.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEPT_BYTES (1u << 20)
#define ALIGNMENT 64u

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t room_for(uint32_t bytes)
{
	return ((size_t)bytes + ALIGNMENT + page_bytes() - 1) / page_bytes() * page_bytes();
}

static size_t aligned(uint32_t bytes)
{
	return ((size_t)bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

struct output *output_make(uint32_t bytes)
{
	struct output *made = malloc(sizeof *made);
	size_t room = room_for(bytes);
	uint8_t *base = mmap(NULL, room + page_bytes(), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (made == NULL || base == MAP_FAILED || mprotect(base + room, page_bytes(), PROT_NONE) != 0) {
		free(made);
		return NULL;
	}
	*made = (struct output){ .data = base + room - aligned(bytes), .bytes = bytes };
	return made;
}

void output_shrink(struct output *output, uint32_t used_bytes)
{
	if (used_bytes <= KEPT_BYTES)
		return;
	uint8_t *first = output->data - (uintptr_t)output->data % page_bytes() + page_bytes();
	if (output->data + used_bytes > first)
		madvise(first, (size_t)(output->data + used_bytes - first), MADV_DONTNEED);
}

void output_free(struct output *output)
{
	size_t room = room_for(output->bytes);
	munmap(output->data + aligned(output->bytes) - room, room + page_bytes());
	free(output);
}
