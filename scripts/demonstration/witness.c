// The first program of each batch job of the demo: checks, from the job's side, whether Gleaner
// uses more of its node than jobs leave, and notes when it began.
//
//   witness FOLDER CORES_OF_NODE
//
// Appends to FOLDER/JOBID.NODE: `<epoch ms> <cores of functions on the node> <cores of jobs on the
// node> <cores of node>`. Nodes share this machine, so a process belongs to the node that its
// environment names (SLURMD_NODENAME), and to this demo if it was submitted from the same folder.
// Jobs count by SLURM_CPUS_ON_NODE of their own processes, so the count is independent of Gleaner's
// own view.

#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ENVIRONMENT = 1 << 20, MAX_OWNERS = 4096 };

struct owners {
	long ids[MAX_OWNERS];
	int count;
	long cores;
};

static char environment[MAX_ENVIRONMENT];

static const char *value_of(ssize_t length, const char *name)
{
	size_t name_length = strlen(name);
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(environment + at) + 1)
		if (!strncmp(environment + at, name, name_length) && environment[at + (ssize_t)name_length] == '=')
			return environment + at + name_length + 1;
	return NULL;
}

static void add_once(struct owners *owners, long id, long cores)
{
	for (int i = 0; i < owners->count; i++)
		if (owners->ids[i] == id)
			return;
	if (owners->count == MAX_OWNERS)
		return;
	owners->ids[owners->count++] = id;
	owners->cores += cores;
}

/* A process that has ended has no environment left to read. */
static ssize_t read_environment(const char *pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t length = 0, piece;
	while (length < MAX_ENVIRONMENT - 1 &&
	       (piece = read(fd, environment + length, (size_t)(MAX_ENVIRONMENT - 1 - length))) > 0)
		length += piece;
	close(fd);
	environment[length] = 0;
	return length;
}

static void count_process(const char *pid, const char *node, const char *site, struct owners *functions,
			  struct owners *jobs)
{
	ssize_t length = read_environment(pid);
	if (length == 0)
		return;
	const char *process_node = value_of(length, "SLURMD_NODENAME");
	const char *process_site = value_of(length, "SLURM_SUBMIT_DIR");
	if (!process_node || strcmp(process_node, node) || !process_site || strncmp(process_site, site, strlen(site)))
		return;
	const char *invocation = value_of(length, "GLEANER_INVOCATION_ID");
	const char *cpus = value_of(length, invocation ? "GLEANER_CPUS" : "SLURM_CPUS_ON_NODE");
	const char *id = invocation ? invocation : value_of(length, "SLURM_JOB_ID");
	if (id && cpus)
		add_once(invocation ? functions : jobs, atol(id), atol(cpus));
}

int main(int argc, char **argv)
{
	struct timespec began;
	clock_gettime(CLOCK_REALTIME, &began);
	const char *node = getenv("SLURMD_NODENAME"), *job = getenv("SLURM_JOB_ID"), *site = getenv("SLURM_SUBMIT_DIR");
	if (argc != 3 || !node || !job || !site) {
		fprintf(stderr, "usage, in a batch job: witness FOLDER CORES_OF_NODE\n");
		return 2;
	}
	static struct owners functions, jobs;
	DIR *proc = opendir("/proc");
	if (!proc)
		return 1;
	for (struct dirent *entry; (entry = readdir(proc));)
		if (isdigit((unsigned char)entry->d_name[0]))
			count_process(entry->d_name, node, site, &functions, &jobs);
	closedir(proc);
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.%s", argv[1], job, node);
	FILE *file = fopen(path, "a");
	if (!file) {
		perror(path);
		return 1;
	}
	fprintf(file, "%lld %ld %ld %s\n", (long long)began.tv_sec * 1000 + began.tv_nsec / 1000000, functions.cores,
		jobs.cores, argv[2]);
	return fclose(file) ? 1 : 0;
}
