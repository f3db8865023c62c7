/* A kernel: a loop over tasks that do not depend on each other. Its file is built twice, into the
 * MPI program and into the function that leased workers run, so that both compute the same bits. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel {
	const char *name;
	/* Of one task. */
	size_t input_bytes, output_bytes;
	void (*make_input)(void *input, size_t task);
	/* Holds the outputs of all tasks to what is known without computing them; prints a sentence. */
	bool (*check)(const void *outputs, size_t tasks);
};

extern const struct kernel kernel;

/* The function, as glean-runtime-native calls it: one task. */
uint32_t handler(const void *in, uint32_t size, void *out);

/* A random number from 0 to 1 for each pair of counters: the same wherever and whenever it is
 * drawn (SplitMix64's finalizer, twice). */
static inline double random_of(uint64_t one, uint64_t other)
{
	uint64_t mixed = one * 0x9e3779b97f4a7c15u;
	for (int round = 0; round < 2; round++) {
		mixed += (other + 1) * 0xd1b54a32d192ed03u;
		mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
		mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
		mixed ^= mixed >> 31;
	}
	return (double)(mixed >> 11) * 0x1p-53;
}

#endif
