// The CPU-bound part of a batch job: burn ROUNDS FILE spins and writes the microseconds that this
// took to FILE.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int count, char **arguments)
{
	if (count != 3) {
		fprintf(stderr, "usage: burn ROUNDS FILE\n");
		return 2;
	}
	int64_t began = now_us();
	volatile uint64_t value = 88172645463325252u;
	for (int64_t left = atoll(arguments[1]); left > 0; left--) {
		uint64_t next = value;
		next ^= next << 13;
		next ^= next >> 7;
		next ^= next << 17;
		value = next;
	}
	int64_t took = now_us() - began;
	FILE *file = fopen(arguments[2], "w");
	if (!file) {
		perror(arguments[2]);
		return 1;
	}
	fprintf(file, "%lld\n", (long long)took);
	return fclose(file) ? 1 : 0;
}
