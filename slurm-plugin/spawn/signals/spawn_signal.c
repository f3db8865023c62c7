/* Sends a signal that a user asks for to what an attempt runs. */
#include "spawn_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "proc_tree.h"
#include "util.h"

#define SIGNAL_MAX 64

int spawn_signal_pack(const uint8_t *body)
{
	static const char reaches[] = {REACH_MAIN, REACH_STEPS, REACH_CHILDREN, REACH_ALL};
	if (body[0] < 1 || body[0] > SIGNAL_MAX || memchr(reaches, body[1], sizeof reaches) == NULL)
		return 0;
	return body[0] << 8 | body[1];
}

/* Whether a process was started with a variable, whatever its value; false if unknown. */
static bool has_variable(pid_t pid, const char *name)
{
	char path[64], piece[4096];
	size_t length = strlen(name), at = 0; /* at: of the present variable, as far as it agrees */
	bool found = false, agrees = true;
	ssize_t got = 0;
	if (!format(path, sizeof path, "/proc/%d/environ", (int)pid))
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (!found && ((got = read(fd, piece, sizeof piece)) > 0 || (got < 0 && errno == EINTR))) {
		for (ssize_t next = 0; next < got && !found; next++) {
			found = agrees && at == length && piece[next] == '=';
			agrees = piece[next] == '\0' || (agrees && at < length && piece[next] == name[at]);
			at = piece[next] == '\0' ? 0 : at + 1;
		}
	}
	(void)close(fd);
	return found;
}

/* Our srun sets it for the tasks of a step; what they start inherits it. */
static bool is_in_step(pid_t pid)
{
	return has_variable(pid, "SLURM_STEP_ID");
}

void spawn_signal_send(const struct spawn_tree *tree, int packed)
{
	static struct proc_list list;
	int signal = packed >> 8, reach = packed & 0xff;
	if (tree->main_ended)
		return;
	/* Collected before anybody gets the signal: the end of the command could orphan the
	 * others. */
	list.count = 0;
	if (reach != REACH_MAIN)
		proc_tree_collect(&list, getpid());
	/* A shell with a trap must receive it before its child dies of it: otherwise it continues
	 * with the next line of its script. */
	if (reach == REACH_MAIN || reach == REACH_ALL)
		(void)kill(tree->main, signal);
	for (size_t at = 0; at < list.count; at++) {
		pid_t pid = list.items[at].pid;
		if (pid != tree->main && (reach != REACH_STEPS || is_in_step(pid)))
			(void)proc_signal(&list.items[at], signal);
	}
}
