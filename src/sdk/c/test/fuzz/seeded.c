/* Feeds a target inputs from a seed, where there is no libFuzzer: seeded INPUTS SEED. Each is one
 * of the last ones, changed in a few places, or new. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define KEPT 64u
#define MAX_BYTES 512u

static struct {
	uint8_t data[MAX_BYTES];
	size_t bytes;
} kept[KEPT];

static uint64_t state;

static uint32_t random_below(uint32_t limit)
{
	/* xorshift64* */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % limit;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	const unsigned long inputs = strtoul(argv[1], NULL, 10);
	state = strtoull(argv[2], NULL, 10) * 2 + 1;
	for (unsigned long input = 0; input < inputs; input++) {
		const uint32_t at = random_below(KEPT);
		if (kept[at].bytes == 0 || random_below(4) == 0) {
			kept[at].bytes = 1 + random_below(MAX_BYTES);
			for (size_t byte = 0; byte < kept[at].bytes; byte++)
				kept[at].data[byte] = (uint8_t)random_below(256);
		} else
			for (uint32_t changes = 1 + random_below(8); changes > 0; changes--)
				kept[at].data[random_below((uint32_t)kept[at].bytes)] = (uint8_t)random_below(256);
		(void)LLVMFuzzerTestOneInput(kept[at].data, kept[at].bytes);
	}
	printf("%lu\n", inputs);
	return 0;
}
