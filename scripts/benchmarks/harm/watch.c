// Records who uses which node at each moment, from /proc alone: functions and batch jobs, by their
// environment.
//
//   watch SITE INTERVAL_MS
//
// SITE is the folder from which jobs and functions were submitted; the nodes of the site share this
// machine, so a process belongs to the node that its environment names (SLURMD_NODENAME). Until its
// standard input ends, it prints a line for each node whose occupants changed:
//
//   <epoch ms> <node> f:<invocation>.<attempt>:<cores>:<MB>:<GPUs> … j:<job>:<GPUs> …
//
// and once a second `- <samples> <longest ms between two samples>`. A sample is two passes over
// /proc: everything alive in the first and still in the second was alive, all together, at the
// moment between them. A process whose memory is gone (a zombie, or one that is about to be) holds
// nothing any more.

#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_PID = 4194304,
	MAX_ENVIRONMENT = 1 << 20,
	MAX_ALIVE = 16384,
	MAX_NODES = 64,
	MAX_LABEL = 160,
	MAX_LINE = 65536,
	/* A program that has run this long will no longer become a job's or a function's. */
	SETTLED_MS = 5000,
};

struct known {
	uint64_t start_ticks;
	int64_t seen_ms;
	char *label; /* `node label`, or NULL if it is of no interest so far */
	bool settled;
};

struct alive {
	int pid;
	uint64_t start_ticks;
	const char *label;
};

struct node {
	char name[64];
	char line[MAX_LINE], last[MAX_LINE];
};

static struct known *known;
static struct alive alive[MAX_ALIVE];
static struct node nodes[MAX_NODES];
static int node_count;
static char environment[MAX_ENVIRONMENT];

static int64_t now_ms(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static ssize_t read_file(int pid, const char *name, char *into, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t length = 0, piece;
	while ((size_t)length < size - 1 && (piece = read(fd, into + length, size - 1 - (size_t)length)) > 0)
		length += piece;
	close(fd);
	into[length] = 0;
	return length;
}

/* Whether the process still has its memory; returns its start and its program's name. */
static bool read_stat(int pid, uint64_t *start_ticks, char name[32])
{
	char text[1024];
	if (read_file(pid, "stat", text, sizeof text) == 0)
		return false;
	char *open_mark = strchr(text, '('), *close_mark = strrchr(text, ')');
	if (!open_mark || !close_mark)
		return false;
	snprintf(name, 32, "%.*s", (int)(close_mark - open_mark - 1), open_mark + 1);
	char state;
	unsigned long long start, memory_bytes;
	if (sscanf(close_mark + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %llu", &state,
		   &start, &memory_bytes) != 3)
		return false;
	*start_ticks = start;
	return state != 'Z' && state != 'X' && memory_bytes > 0;
}

static const char *value_of(ssize_t length, const char *name)
{
	size_t name_length = strlen(name);
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(environment + at) + 1)
		if (!strncmp(environment + at, name, name_length) && environment[at + (ssize_t)name_length] == '=')
			return environment + at + name_length + 1;
	return NULL;
}

static const char *or_none(const char *value)
{
	return value && value[0] ? value : "-";
}

/* The label of a process according to its environment; NULL if it is neither a function's nor a
 * job's of this site. */
static char *label_of(int pid, const char *site)
{
	ssize_t length = read_file(pid, "environ", environment, sizeof environment);
	const char *from = value_of(length, "SLURM_SUBMIT_DIR"), *node = value_of(length, "SLURMD_NODENAME");
	if (!from || strncmp(from, site, strlen(site)) || !node || value_of(length, "SLURM_SCRIPT_CONTEXT"))
		return NULL;
	char label[MAX_LABEL];
	const char *invocation = value_of(length, "GLEANER_INVOCATION_ID"), *job = value_of(length, "SLURM_JOB_ID");
	if (invocation) {
		snprintf(label, sizeof label, "%s f:%s.%s:%s:%s:%s", node, invocation,
			 or_none(value_of(length, "GLEANER_ATTEMPT")), or_none(value_of(length, "GLEANER_CPUS")),
			 or_none(value_of(length, "GLEANER_MEMORY_MB")),
			 or_none(value_of(length, "CUDA_VISIBLE_DEVICES")));
	} else if (job) {
		const char *gpus = value_of(length, "SLURM_JOB_GPUS");
		if (!gpus)
			gpus = value_of(length, "SLURM_STEP_GPUS");
		snprintf(label, sizeof label, "%s j:%s:%s", node, job, or_none(gpus));
	} else
		return NULL;
	return strdup(label);
}

/* Programs that become a job's or a function's by exec, however late. */
static bool may_become(const char *name)
{
	return !strncmp(name, "slurm", 5) || !strcmp(name, "glean-spawn");
}

static const char *classify(int pid, uint64_t start_ticks, const char *name, const char *site)
{
	struct known *one = &known[pid];
	int64_t now = now_ms(CLOCK_MONOTONIC);
	if (one->start_ticks != start_ticks) {
		free(one->label);
		*one = (struct known){.start_ticks = start_ticks, .seen_ms = now};
	}
	if (one->label || one->settled || may_become(name))
		return one->label;
	one->label = label_of(pid, site);
	one->settled = now - one->seen_ms > SETTLED_MS;
	return one->label;
}

static int first_pass(const char *site)
{
	int count = 0;
	DIR *proc = opendir("/proc");
	if (!proc)
		return 0;
	for (struct dirent *entry; (entry = readdir(proc));) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		int pid = atoi(entry->d_name);
		uint64_t start_ticks;
		char name[32];
		if (pid >= MAX_PID || !read_stat(pid, &start_ticks, name))
			continue;
		const char *label = classify(pid, start_ticks, name, site);
		if (!label)
			continue;
		if (count == MAX_ALIVE) {
			fprintf(stderr, "watch: more than %d processes of jobs and functions\n", MAX_ALIVE);
			exit(1);
		}
		alive[count++] = (struct alive){.pid = pid, .start_ticks = start_ticks, .label = label};
	}
	closedir(proc);
	return count;
}

static struct node *node_of(const char *label, size_t length)
{
	for (int at = 0; at < node_count; at++)
		if (strlen(nodes[at].name) == length && !strncmp(nodes[at].name, label, length))
			return &nodes[at];
	if (node_count == MAX_NODES || length >= sizeof nodes[0].name) {
		fprintf(stderr, "watch: more than %d nodes\n", MAX_NODES);
		exit(1);
	}
	struct node *node = &nodes[node_count++];
	memcpy(node->name, label, length);
	return node;
}

static void add_once(struct node *node, const char *occupant)
{
	size_t length = strlen(occupant), used = strlen(node->line);
	for (const char *at = node->line; (at = strstr(at, occupant)); at += length)
		if (at[-1] == ' ' && (at[length] == ' ' || at[length] == 0))
			return;
	if (used + length + 2 > MAX_LINE) {
		fprintf(stderr, "watch: too many occupants of %s\n", node->name);
		exit(1);
	}
	snprintf(node->line + used, MAX_LINE - used, " %s", occupant);
}

static void sample(const char *site)
{
	int count = first_pass(site);
	int64_t at_ms = now_ms(CLOCK_REALTIME);
	for (int at = 0; at < node_count; at++)
		nodes[at].line[0] = 0;
	for (int at = 0; at < count; at++) {
		uint64_t start_ticks;
		char name[32];
		if (!read_stat(alive[at].pid, &start_ticks, name) || start_ticks != alive[at].start_ticks)
			continue;
		const char *space = strchr(alive[at].label, ' ');
		add_once(node_of(alive[at].label, (size_t)(space - alive[at].label)), space + 1);
	}
	for (int at = 0; at < node_count; at++) {
		if (!strcmp(nodes[at].line, nodes[at].last))
			continue;
		memcpy(nodes[at].last, nodes[at].line, sizeof nodes[at].last);
		printf("%lld %s%s\n", (long long)at_ms, nodes[at].name, nodes[at].line);
	}
}

int main(int argc, char **argv)
{
	long interval_ms = argc == 3 ? atol(argv[2]) : 0;
	if (interval_ms < 1) {
		fprintf(stderr, "usage: watch SITE INTERVAL_MS\n");
		return 2;
	}
	known = mmap(NULL, sizeof *known * MAX_PID, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (known == MAP_FAILED) {
		perror("watch");
		return 1;
	}
	/* Takes precedence over everything that it watches: a witness that has to wait for a
	 * processor sees nothing. */
	const struct sched_param first = {.sched_priority = 50};
	if (sched_setscheduler(0, SCHED_RR, &first) < 0)
		perror("watch: no real-time priority");
	long samples = 0;
	int64_t told_ms = now_ms(CLOCK_MONOTONIC), last_ms = told_ms, longest_ms = 0;
	struct pollfd input = {.fd = 0, .events = POLLIN};
	while (poll(&input, 1, (int)interval_ms) == 0) {
		sample(argv[1]);
		int64_t now = now_ms(CLOCK_MONOTONIC);
		samples++;
		if (now - last_ms > longest_ms)
			longest_ms = now - last_ms;
		last_ms = now;
		if (now - told_ms < 1000)
			continue;
		printf("- %ld %lld\n", samples, (long long)longest_ms);
		fflush(stdout);
		told_ms = now;
		longest_ms = 0;
	}
	printf("- %ld %lld\n", samples, (long long)longest_ms);
	return fflush(stdout) == 0 ? 0 : 1;
}
