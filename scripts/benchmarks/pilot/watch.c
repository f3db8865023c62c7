/* Reports when each process of a pilot is gone, from the moment that Slurm's SIGTERM reached its
 * job.
 *
 *   watch PID_OF_EXECUTOR
 *
 * The executor has one child beside the server of glean-spawn: the witness, which sleeps and does
 * not handle SIGTERM, so its end is the moment of the signal. Both the witness and this program run
 * with real-time priority, before all functions: neither waits for a processor. Prints `watching
 * WITNESSES SUPERVISORS COMMANDS`, then, when all are gone, a line `KIND MICROSECONDS` for each,
 * counted from the first that was. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc_tree.h"
#include "util.h"

#define WATCHED_MAX 4096
#define PATIENCE_MS 60000

enum kind { EXECUTOR, WITNESS, SERVER, SUPERVISOR, COMMAND, KINDS };

static const char *const names[KINDS] = {"executor", "witness", "server", "supervisor", "command"};

static struct pollfd watched[WATCHED_MAX];
static enum kind kinds[WATCHED_MAX];
static uint64_t gone_ns[WATCHED_MAX];
static size_t count, counts[KINDS];

static void stop(const char *what)
{
	perror(what);
	exit(1);
}

static void take_precedence(pid_t pid)
{
	const struct sched_param param = {.sched_priority = 1};
	if (sched_setscheduler(pid, SCHED_FIFO, &param) != 0)
		stop("cannot set SCHED_FIFO: run as root");
}

static void watch(pid_t pid, enum kind kind)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 || count == WATCHED_MAX)
		stop("pidfd_open");
	watched[count] = (struct pollfd){.fd = fd, .events = POLLIN};
	kinds[count++] = kind;
	counts[kind]++;
}

static enum kind kind_of(pid_t pid, pid_t executor)
{
	char path[64], name[64];
	struct proc_info info;
	if (!format(path, sizeof path, "/proc/%d/comm", (int)pid) || !read_text(AT_FDCWD, path, name, sizeof name) ||
	    !proc_read(pid, &info))
		stop("a process exited while it was examined");
	bool is_spawn = strcmp(name, "glean-spawn\n") == 0;
	if (info.ppid == executor)
		return is_spawn ? SERVER : WITNESS;
	return is_spawn ? SUPERVISOR : COMMAND;
}

static void watch_tree(pid_t executor)
{
	static struct proc_list list;
	proc_tree_collect(&list, executor);
	watch(executor, EXECUTOR);
	for (size_t at = 0; at < list.count; at++) {
		pid_t pid = list.items[at].pid;
		enum kind kind = kind_of(pid, executor);
		watch(pid, kind);
		if (kind == WITNESS)
			take_precedence(pid);
	}
}

/* Notes when each is gone, until all are. */
static void await_all(void)
{
	for (size_t left = count; left > 0;) {
		int ready = poll(watched, count, PATIENCE_MS);
		uint64_t now = clock_ns();
		if (ready == 0 || (ready < 0 && errno != EINTR))
			stop("some processes did not exit");
		for (size_t at = 0; at < count; at++) {
			if (watched[at].fd < 0 || watched[at].revents == 0)
				continue;
			watched[at].fd = -1; /* left open until our exit; poll ignores it */
			gone_ns[at] = now;
			left--;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t executor, first = UINT64_MAX;
	if (argc != 2 || !parse_number(argv[1], 2, 4194303, &executor)) {
		fprintf(stderr, "usage: watch PID_OF_EXECUTOR\n");
		return 2;
	}
	take_precedence(0);
	watch_tree((pid_t)executor);
	printf("watching %zu %zu %zu\n", counts[WITNESS], counts[SUPERVISOR], counts[COMMAND]);
	fflush(stdout);
	await_all();
	for (size_t at = 0; at < count; at++)
		first = gone_ns[at] < first ? gone_ns[at] : first;
	for (size_t at = 0; at < count; at++)
		printf("%s %llu\n", names[kinds[at]], (unsigned long long)(gone_ns[at] - first) / 1000);
	return 0;
}
