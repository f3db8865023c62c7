/* The MPI program around a kernel: each rank has its share of the tasks, and offloads half of it.
 *
 *   mpirun -n RANKS PROGRAM [--tasks N] [--offload FUNCTION] [--workers N] [--until FILE]
 *
 * With --until, it computes the same again and again until the file exists, and fails if a result
 * ever differs. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "offload.h"

static struct {
	size_t tasks;
	const char *function, *until;
	unsigned workers;
} options = { .tasks = 64, .workers = 1 };

static int rank, ranks;

static bool read_options(int argc, char **argv)
{
	for (int at = 1; at + 1 < argc; at += 2) {
		if (strcmp(argv[at], "--tasks") == 0)
			options.tasks = strtoul(argv[at + 1], NULL, 10);
		else if (strcmp(argv[at], "--workers") == 0)
			options.workers = (unsigned)strtoul(argv[at + 1], NULL, 10);
		else if (strcmp(argv[at], "--offload") == 0)
			options.function = argv[at + 1];
		else if (strcmp(argv[at], "--until") == 0)
			options.until = argv[at + 1];
		else
			return false;
	}
	return argc % 2 == 1 && options.tasks > 0 && options.tasks <= 1u << 16 && options.workers > 0;
}

/* The first task of a rank. */
static size_t first_of(int of_rank)
{
	return options.tasks * (size_t)of_rank / (size_t)ranks;
}

/* Each rank has its own lease; one that gets none computes all by itself. */
static gleaner_lease *open_lease(void)
{
	const gleaner_options wanted = { .function = options.function, .workers = options.workers };
	gleaner_lease *lease = NULL;
	if (options.function == NULL)
		return NULL;
	const gleaner_error error = gleaner_lease_open(&wanted, &lease);
	if (error != GLEANER_OK)
		fprintf(stderr, "rank %d computes all by itself: %s\n", rank, gleaner_error_message(error));
	return lease;
}

/* FNV-1a: equal results have equal sums. */
static uint64_t sum_of(const unsigned char *bytes, size_t length)
{
	uint64_t sum = 0xcbf29ce484222325u;
	for (size_t at = 0; at < length; at++)
		sum = (sum ^ bytes[at]) * 0x100000001b3u;
	return sum;
}

/* The outputs of all ranks, on rank 0. */
static void gather(const void *outputs, size_t tasks, void *all)
{
	int *counts = calloc((size_t)ranks, sizeof *counts), *starts = calloc((size_t)ranks, sizeof *starts);
	MPI_Datatype output;
	if (counts == NULL || starts == NULL)
		MPI_Abort(MPI_COMM_WORLD, 1);
	for (int each = 0; each < ranks; each++) {
		starts[each] = (int)first_of(each);
		counts[each] = (int)(first_of(each + 1) - first_of(each));
	}
	MPI_Type_contiguous((int)kernel.output_bytes, MPI_BYTE, &output);
	MPI_Type_commit(&output);
	MPI_Gatherv(outputs, (int)tasks, output, all, counts, starts, output, 0, MPI_COMM_WORLD);
	MPI_Type_free(&output);
	free(counts);
	free(starts);
}

/* Computes, gathers and compares; true on each rank if it goes on. */
static bool step(gleaner_lease *lease, const void *inputs, void *outputs, void *all, uint64_t *sum)
{
	const size_t tasks = first_of(rank + 1) - first_of(rank);
	struct offloaded mine;
	const double began = MPI_Wtime();
	if (!offload(lease, inputs, outputs, tasks, &mine))
		MPI_Abort(MPI_COMM_WORLD, 1);
	unsigned long long counted[] = { mine.remote, mine.returned }, sums[2];
	MPI_Reduce(counted, sums, 2, MPI_UNSIGNED_LONG_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
	gather(outputs, tasks, all);
	int goes_on = 0;
	if (rank == 0) {
		const uint64_t found = sum_of(all, options.tasks * kernel.output_bytes);
		printf("%s: %zu tasks on %d ranks; workers computed %llu, %llu came back; %.3f s; results %016llx\n",
		       kernel.name, options.tasks, ranks, sums[0], sums[1], MPI_Wtime() - began,
		       (unsigned long long)found);
		fflush(stdout);
		if (*sum != 0 && *sum != found)
			MPI_Abort(MPI_COMM_WORLD, 1);
		*sum = found;
		goes_on = options.until != NULL && access(options.until, F_OK) != 0;
	}
	MPI_Bcast(&goes_on, 1, MPI_INT, 0, MPI_COMM_WORLD);
	return goes_on != 0;
}

int main(int argc, char **argv)
{
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (!read_options(argc, argv)) {
		if (rank == 0)
			fprintf(stderr, "usage: %s [--tasks N] [--offload FUNCTION] [--workers N] [--until FILE]\n", argv[0]);
		MPI_Finalize();
		return 2;
	}
	const size_t tasks = first_of(rank + 1) - first_of(rank);
	void *inputs = malloc((tasks + 1) * kernel.input_bytes), *outputs = calloc(tasks + 1, kernel.output_bytes);
	void *all = rank == 0 ? calloc(options.tasks, kernel.output_bytes) : NULL;
	if (inputs == NULL || outputs == NULL || (rank == 0 && all == NULL))
		MPI_Abort(MPI_COMM_WORLD, 1);
	for (size_t task = 0; task < tasks; task++)
		kernel.make_input((char *)inputs + task * kernel.input_bytes, first_of(rank) + task);
	gleaner_lease *lease = open_lease();
	uint64_t sum = 0;
	while (step(lease, inputs, outputs, all, &sum))
		;
	const bool is_right = rank != 0 || kernel.check(all, options.tasks);
	if (lease != NULL)
		gleaner_lease_close(lease);
	free(inputs);
	free(outputs);
	free(all);
	MPI_Finalize();
	return is_right ? 0 : 1;
}
