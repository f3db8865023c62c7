/* Leases one worker of a function, calls it with each line of its standard input, and prints how
 * each call ended, after how many ms, and its output:
 * lease GLEAN FUNCTION never|evicted DEADLINE_MS. */
#include <gleaner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	static char line[256], output[256];
	gleaner_lease *lease;
	if (argc != 5)
		return 2;
	const gleaner_options options = {
		.glean = argv[1],
		.function = argv[2],
		.retry = strcmp(argv[3], "never") == 0 ? GLEANER_RETRY_NEVER : GLEANER_RETRY_EVICTED,
		.deadline_ms = (uint32_t)atoi(argv[4]),
	};
	gleaner_error error = gleaner_lease_open(&options, &lease);
	printf("%d open\n", error);
	fflush(stdout);
	while (error == GLEANER_OK && fgets(line, sizeof line, stdin) != NULL) {
		size_t got = 0;
		const long began = now_ms();
		const gleaner_error ended = gleaner_invoke(lease, line, strcspn(line, "\n"), output, sizeof output, &got);
		const char *said = ended == GLEANER_OK ? output : gleaner_lease_message(lease);
		printf("%d %ld %.*s\n", ended, now_ms() - began, ended == GLEANER_OK ? (int)got : 255, said);
		fflush(stdout);
	}
	gleaner_lease_close(lease);
	return 0;
}
