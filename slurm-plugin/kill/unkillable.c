/* Processes of functions that SIGKILL does not end because they hang in the kernel: noted once, so
 * that nobody waits for them again. */
#include "unkillable.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "util.h"

#define NAME_MAX_LENGTH 64

static bool parse_note(const char *name, struct proc *proc)
{
	char text[NAME_MAX_LENGTH];
	uint64_t pid;
	char *dot = format(text, sizeof text, "%s", name) ? strchr(text, '.') : NULL;
	if (dot == NULL)
		return false;
	*dot = '\0';
	if (!parse_number(text, 2, 4194303, &pid) || !parse_number(dot + 1, 1, INT64_MAX, &proc->start_ticks))
		return false;
	proc->pid = (pid_t)pid;
	return true;
}

void unkillable_read(struct proc_list *list, int node_folder)
{
	list->count = 0;
	int folder = openat(node_folder, UNKILLABLE_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *notes = folder < 0 ? NULL : fdopendir(folder);
	if (notes == NULL) {
		if (folder >= 0)
			(void)close(folder);
		return;
	}
	const struct dirent *entry;
	struct proc proc;
	while ((entry = readdir(notes)) != NULL) {
		if (parse_note(entry->d_name, &proc) && !proc_list_add(list, proc.pid, proc.start_ticks))
			break;
	}
	(void)closedir(notes);
}

bool unkillable_has(const struct proc_list *list, const struct proc *proc)
{
	for (size_t at = 0; at < list->count; at++) {
		if (list->items[at].pid == proc->pid && list->items[at].start_ticks == proc->start_ticks)
			return true;
	}
	return false;
}

/* Whether a process has threads that sleep uninterruptibly and none that runs: it makes no
 * progress, and SIGKILL changes nothing. */
static bool hangs(const struct proc *proc)
{
	char path[64];
	bool any = false, runs = false;
	if (!format(path, sizeof path, "/proc/%d/task", (int)proc->pid))
		return false;
	DIR *tasks = opendir(path);
	if (tasks == NULL)
		return false;
	const struct dirent *entry;
	while ((entry = readdir(tasks)) != NULL) {
		uint64_t thread;
		struct proc_info info;
		if (!parse_number(entry->d_name, 1, 4194303, &thread) || !proc_read((pid_t)thread, &info))
			continue;
		any = any || info.state == 'D';
		runs = runs || (info.state != 'D' && info.state != 'Z' && info.state != 'X');
	}
	(void)closedir(tasks);
	return any && !runs;
}

size_t unkillable_note(const struct proc_list *left, int node_folder)
{
	size_t others = 0;
	(void)mkdirat(node_folder, UNKILLABLE_FOLDER, 0700); /* if it fails, so do the notes, which say why */
	for (size_t at = 0; at < left->count; at++) {
		const struct proc *proc = &left->items[at];
		char name[NAME_MAX_LENGTH + sizeof UNKILLABLE_FOLDER];
		if (!hangs(proc)) {
			others++;
			continue;
		}
		(void)format(name, sizeof name, UNKILLABLE_FOLDER "/%d.%llu", (int)proc->pid,
			     (unsigned long long)proc->start_ticks);
		int fd = openat(node_folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0) {
			syslog(LOG_ERR, "process %d hangs in the kernel and cannot be killed; %s cannot be created (%s), so later jobs wait for it, too",
			       (int)proc->pid, name, strerror(errno));
			continue;
		}
		(void)close(fd);
		syslog(LOG_ERR, "process %d hangs in the kernel and cannot be killed: later jobs do not wait for it",
		       (int)proc->pid);
	}
	return others;
}
