/* What a program writes: its output, up to a limit, and its log. */
#ifndef GLEANER_EXEC_OUTPUT_H
#define GLEANER_EXEC_OUTPUT_H

#include "frames.h"

struct output {
	uint8_t *data;
	size_t length, room;
	/* A program that writes more has no result. */
	size_t limit;
	bool is_over;
};

/* Reads what is there, at most 1 MiB, and closes the descriptor at its end. */
void output_read(struct output *output, int *descriptor);
void output_free(struct output *output);

struct call_log {
	uint64_t id;
	/* Counted in whole frames; below 0 everything is dropped. */
	long left_bytes;
};

/* Sends what is there, at most 1 MiB; false once the executor is gone. */
bool log_read(struct call_log *log, int *descriptor);

#endif
