// A task of a batch job that notes when it began, and then sleeps: job FOLDER RUN_MS.
//
// Appends `<epoch ms>` to FOLDER/JOB.NODE.TASK. It sleeps in slices and counts them, so that a job
// that was suspended runs for its remaining time after it is resumed.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SLICE_MS = 20 };

static const char *variable(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value ? value : otherwise;
}

int main(int argc, char **argv)
{
	struct timespec began;
	clock_gettime(CLOCK_REALTIME, &began);
	const char *job = getenv("SLURM_JOB_ID"), *node = getenv("SLURMD_NODENAME");
	if (argc != 3 || !job || !node) {
		fprintf(stderr, "usage, in a batch job: job FOLDER RUN_MS\n");
		return 2;
	}
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.%s.%s", argv[1], job, node, variable("SLURM_PROCID", "0"));
	FILE *file = fopen(path, "a");
	if (!file) {
		perror(path);
		return 1;
	}
	fprintf(file, "%lld\n", (long long)began.tv_sec * 1000 + began.tv_nsec / 1000000);
	if (fclose(file))
		return 1;
	const struct timespec slice = {.tv_nsec = SLICE_MS * 1000000};
	for (long left_ms = atol(argv[2]); left_ms > 0; left_ms -= SLICE_MS)
		nanosleep(&slice, NULL);
	return 0;
}
