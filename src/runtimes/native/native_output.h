/* The memory into which functions write their outputs. */
#ifndef GLEANER_NATIVE_OUTPUT_H
#define GLEANER_NATIVE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In front of a page that cannot be written: a function that writes beyond its output crashes there
 * instead of changing what the worker needs. */
struct output {
	uint8_t *data;
	uint32_t bytes;
	struct output *next;
};

/* NULL if there is no memory. */
struct output *output_make(uint32_t bytes);
/* Gives back what a large output has touched. */
void output_shrink(struct output *output, uint32_t used_bytes);
void output_free(struct output *output);

#endif
