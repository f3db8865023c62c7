/* Calls whose inputs are written, and whose outputs are read, where they lie: in the shared memory
 * of a worker on this host, or else in memory of the library. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define ROUNDED(bytes) (((bytes) + RING_ALIGNMENT - 1) / RING_ALIGNMENT * RING_ALIGNMENT)

void *memory_of_its_own(size_t bytes)
{
	void *found = NULL;
	size_t rounded = (bytes + RING_ALIGNMENT) / RING_ALIGNMENT * RING_ALIGNMENT;
	return posix_memalign(&found, RING_ALIGNMENT, rounded) == 0 ? found : NULL;
}

void memory_leave(struct memory *memory)
{
	if (--memory->users > 0)
		return;
	rings_unmap(&memory->rings);
	free(memory);
}

static void leave_input(gleaner_call *call)
{
	struct memory *memory = call->input_memory;
	if (memory == NULL)
		return;
	if (memory->prepared == call)
		memory->prepared = NULL;
	call->input_memory = NULL;
	memory_leave(memory);
}

static void leave_output(gleaner_call *call)
{
	struct memory *memory = call->output_memory;
	if (memory == NULL)
		return;
	gleaner_call **at = &memory->kept;
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	call->output_memory = NULL;
	if (memory->connection != NULL)
		shm_give_back(memory);
	memory_leave(memory);
}

bool call_moves_input(gleaner_call *call)
{
	struct memory *memory = call->input_memory;
	if (memory == NULL)
		return true;
	const struct ring *out = &memory->rings.out;
	/* A worker that has given its room back need not have answered. */
	bool is_there = out->position - call->input_start < out->bytes &&
			memory->reserved_end - call->input_start < out->bytes;
	call->own_input = is_there ? memory_of_its_own(call->input_bytes) : NULL;
	if (call->own_input == NULL)
		return false;
	memcpy(call->own_input, call->input, call->input_bytes);
	call->input = call->own_input;
	leave_input(call);
	return true;
}

void call_release(gleaner_call *call)
{
	leave_input(call);
	leave_output(call);
	free(call->own_input);
	free(call->own_output);
	free(call);
}

/* One that was prepared there before, and not sent, may have been longer. */
static void note_reserved(struct memory *memory, uint32_t bytes)
{
	const struct ring *out = &memory->rings.out;
	const uint32_t before = memory->reserved_end - out->position;
	if (before > out->bytes || before < bytes)
		memory->reserved_end = out->position + bytes;
}

/* Room for the input in the shared memory of a worker; NULL if there is none now. */
static void *reserve(gleaner_call *call)
{
	struct connection *connection = lease_least_busy(call->lease);
	struct memory *memory = connection == NULL ? NULL : connection->memory;
	if (memory == NULL || call->input_bytes < LEAST_IN_PLACE_BYTES)
		return NULL;
	struct ring *out = &memory->rings.out;
	void *where = ring_reserve(out, CALL_HEAD_BYTES, call->input_bytes);
	if (where == NULL)
		return NULL;
	call->input_memory = memory;
	call->input_start = out->position;
	memory->prepared = call;
	note_reserved(memory, ROUNDED(FRAME_HEADER_BYTES + CALL_HEAD_BYTES) + ROUNDED((uint32_t)call->input_bytes));
	memory->users++;
	return where;
}

gleaner_call *gleaner_prepare(gleaner_lease *lease, size_t input_bytes, void **input)
{
	if (input == NULL)
		(void)invalid("the place for the input is NULL");
	if (input == NULL || check_call(lease, input, input_bytes, NULL, 0) != GLEANER_OK)
		return NULL;
	gleaner_call *call = call_make(lease, input_bytes);
	if (call == NULL)
		return NULL;
	call->is_in_place = call->is_unsent = true;
	*input = reserve(call);
	if (*input == NULL)
		*input = call->own_input = memory_of_its_own(input_bytes);
	call->input = *input;
	if (*input != NULL)
		return call;
	free(call);
	return NULL;
}

void gleaner_send(gleaner_call *call)
{
	if (call == NULL || !call->is_unsent)
		return;
	struct memory *memory = call->input_memory;
	struct connection *connection = memory == NULL ? NULL : memory->connection;
	call->is_unsent = false;
	call->lease->now_ms = now_ms();
	call->deadline_ms = call->lease->now_ms + call->lease->deadline_ms;
	if (connection != NULL && !connection->is_terminating && connection_add(connection, call)) {
		call->lease->unended++;
		return;
	}
	/* Other frames may come to lie where it was to be sent from. */
	call->lease->unended++;
	if (call_moves_input(call))
		call_queue(call);
	else
		call_end(call, GLEANER_NO_MEMORY);
}

const void *gleaner_call_output(const gleaner_call *call)
{
	return call != NULL && call->error == GLEANER_OK ? call->output : NULL;
}
