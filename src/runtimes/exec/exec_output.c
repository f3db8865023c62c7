/* What a program writes: its output, up to a limit, and its log. */
#include "exec_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "exec_program.h"

#define PIECE_BYTES (64u << 10)
/* At once, so that a program that never stops writing does not keep the worker from a cancel; a
 * pipe holds no more. */
#define PIECES_AT_ONCE 16
#define STDERR_STREAM 2

static const char log_full[] = "[the log of this call is full: what it prints from here is dropped]\n";

/* Returns the bytes that were read, 0 if there are none now; closes the descriptor at its end. */
static size_t read_piece(int *descriptor, void *data, size_t size)
{
	ssize_t got;
	do
		got = read(*descriptor, data, size);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return (size_t)got;
	if (got == 0 || errno != EAGAIN)
		program_close(descriptor);
	return 0;
}

static bool has_room(struct output *output)
{
	if (output->room - output->length >= PIECE_BYTES)
		return true;
	size_t room = output->room == 0 ? PIECE_BYTES : 2 * output->room;
	uint8_t *grown = realloc(output->data, room);
	if (grown == NULL)
		return false;
	output->data = grown;
	output->room = room;
	return true;
}

void output_read(struct output *output, int *descriptor)
{
	for (int pieces = 0; pieces < PIECES_AT_ONCE && *descriptor >= 0 && !output->is_over; pieces++) {
		if (!has_room(output)) {
			output->is_over = true;
			return;
		}
		size_t got = read_piece(descriptor, output->data + output->length, PIECE_BYTES);
		if (got == 0)
			return;
		output->length += got;
		output->is_over = output->length > output->limit;
	}
}

void output_free(struct output *output)
{
	free(output->data);
	output->data = NULL;
}

static bool log_send(struct call_log *log, const void *data, size_t bytes)
{
	const uint8_t stream = STDERR_STREAM;
	if (log->left_bytes < 0)
		return true;
	log->left_bytes -= (long)(bytes + FRAME_HEADER_BYTES + sizeof stream);
	if (log->left_bytes < 0) {
		data = log_full;
		bytes = strlen(log_full);
	}
	return channel_send(FRAME_LOG, log->id, &stream, sizeof stream, data, bytes);
}

bool log_read(struct call_log *log, int *descriptor)
{
	static uint8_t piece[PIECE_BYTES];
	for (int pieces = 0; pieces < PIECES_AT_ONCE && *descriptor >= 0; pieces++) {
		size_t got = read_piece(descriptor, piece, sizeof piece);
		if (got == 0)
			return true;
		if (!log_send(log, piece, got))
			return false;
	}
	return true;
}
