/* Gives processes that are being killed more weight than others, and a processor where they need
 * not wait. */
#include "cpu_weight.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc_tree.h"
#include "util.h"

#define IO_OF_PROCESS 1 /* IOPRIO_WHO_PROCESS; libc defines none of these */
#define IO_USUAL (2 << 13 | 4) /* best effort, middle priority */
#define IO_IDLE (3 << 13)
#define CPU_SETS 8 /* of 1024 CPUs each */

/* The groups and weights of src/executor/containment/trees/cgroup-trees.ts. */
#define VERSION_1_GROUP "/sys/fs/cgroup/cpu/gleaner/"
#define VERSION_2_GROUP "work/"

static void set(const char *folder, const char *file, const char *value)
{
	char path[1200];
	int fd = format(path, sizeof path, "%s%s", folder, file) ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	ssize_t written = write(fd, value, strlen(value));
	(void)written; /* if refused, dying takes longer */
	(void)close(fd);
}

/* `…/gleaner/NODE/` of version 2. */
static bool find_node_group(const char *kill_path, char *folder, size_t size)
{
	static const char top[] = "/gleaner/";
	const char *found = strstr(kill_path, top);
	const char *end = found != NULL ? strchr(found + sizeof top - 1, '/') : NULL;
	return end != NULL && format(folder, size, "%.*s/" VERSION_2_GROUP, (int)(end - kill_path), kill_path);
}

void cpu_weight_raise(const char *kill_path)
{
	char folder[1100];
	set(VERSION_1_GROUP, "cpu.shares", "262144");
	if (find_node_group(kill_path, folder, sizeof folder))
		set(folder, "cpu.weight", "10000");
}

void cpu_weight_of_session(pid_t pid, int nice)
{
	char folder[32], text[8];
	if (format(folder, sizeof folder, "/proc/%d/", (int)pid) && format(text, sizeof text, "%d", nice))
		set(folder, "autogroup", text);
}

void cpu_weight_move(pid_t pid)
{
	cpu_set_t all[CPU_SETS], others[CPU_SETS];
	struct proc_info info;
	if (!proc_read(pid, &info) || sched_getaffinity(pid, sizeof all, all) != 0)
		return;
	memcpy(others, all, sizeof others);
	CPU_CLR_S((size_t)info.cpu, sizeof others, others);
	if (sched_setaffinity(pid, sizeof others, others) == 0) /* refused if there is no other */
		/* it stays on its new processor until the kernel decides otherwise */
		(void)sched_setaffinity(pid, sizeof all, all);
}

void cpu_weight_hurry(pid_t pid)
{
	const struct sched_param usual = {.sched_priority = 0};
	(void)sched_setscheduler(pid, SCHED_OTHER, &usual);
	(void)syscall(SYS_ioprio_set, IO_OF_PROCESS, pid, IO_USUAL);
}

bool cpu_weight_idle_io(void)
{
	return syscall(SYS_ioprio_set, IO_OF_PROCESS, 0, IO_IDLE) == 0;
}
