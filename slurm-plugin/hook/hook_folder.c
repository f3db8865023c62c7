/* The node's folder <runDir>/<node>/, opened only if nobody else can have written there; it holds
 * the marks of batch jobs. */
#include "hook_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "util.h"

#define MARKS_MAX 4096 /* folder entries examined for the marks of one job */

/* Opens a folder that is not a link, is ours, and that only we may write to. Returns -1, with errno
 * 0 if it was rejected. */
static int open_trusted(int parent, const char *name, bool create)
{
	if (create && mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
		return -1;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	struct stat status;
	if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 022) == 0)
		return fd;
	(void)close(fd);
	errno = 0;
	return -1;
}

/* The folders above runDir belong to the site; missing ones are created, as mkdir -p does. */
static void make_parents(const char *run_dir)
{
	char path[HOOK_PATH_MAX];
	if (!format(path, sizeof path, "%s", run_dir))
		return;
	for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		(void)mkdir(path, 0755); /* if it fails, opening runDir reports why */
		*at = '/';
	}
}

static int open_logged(int parent, const char *name, bool create)
{
	int fd = open_trusted(parent, name, create);
	if (fd >= 0)
		return fd;
	if (errno == 0)
		syslog(LOG_ERR, "%s is not used: it must belong to uid %u, and nobody else may write to it", name,
		       (unsigned)geteuid());
	else if (errno != ENOENT)
		syslog(LOG_ERR, "%s cannot be opened: %s", name, strerror(errno));
	return -1;
}

bool hook_folder_open(struct hook_folder *folder, const char *run_dir, const char *node, bool create)
{
	*folder = (struct hook_folder){.node = -1, .jobs = -1};
	if (create)
		make_parents(run_dir);
	int top = open_logged(AT_FDCWD, run_dir, create);
	if (top < 0)
		return false;
	folder->node = open_logged(top, node, create);
	(void)close(top);
	if (folder->node < 0)
		return false;
	folder->jobs = open_logged(folder->node, "jobs", create);
	return true;
}

static char expected_name[HOOK_LINE_MAX];
static volatile int expected_folder = -1;

void hook_folder_close(struct hook_folder *folder)
{
	expected_folder = -1;
	if (folder->jobs >= 0)
		(void)close(folder->jobs);
	(void)close(folder->node);
}

void hook_folder_mark(const struct hook_folder *folder, const struct hook_input *input)
{
	char name[HOOK_LINE_MAX];
	if (folder->jobs < 0 ||
	    !format(name, sizeof name, "%u.%u.%s", input->job_id, input->cpus, input->gpus))
		return;
	int fd = openat(folder->jobs, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		syslog(LOG_ERR, "cannot create the mark jobs/%s: %s", name, strerror(errno));
	else
		(void)close(fd);
}

/* If that fails, a figure is missing from a report, and syslog has the reason. */
static void make_note(int folder, const char *name)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
}

void hook_folder_note_kill(const struct hook_folder *folder, uint32_t job_id, uint64_t took_ms)
{
	char name[HOOK_LINE_MAX];
	if (format(name, sizeof name, "killed.%u.%llu", job_id, (unsigned long long)took_ms))
		make_note(folder->node, name);
}

void hook_folder_note_late(const struct hook_folder *folder, uint32_t job_id, uint64_t took_ms, long left)
{
	char name[HOOK_LINE_MAX], count[24] = "*";
	expected_folder = -1;
	if ((left < 0 || format(count, sizeof count, "%ld", left)) &&
	    format(name, sizeof name, "late.%u.%llu.%s", job_id, (unsigned long long)took_ms, count))
		make_note(folder->node, name);
}

void hook_folder_expect(const struct hook_folder *folder, uint32_t job_id, int deadline_ms)
{
	if (format(expected_name, sizeof expected_name, "late.%u.%d.*", job_id, deadline_ms))
		expected_folder = folder->node;
}

void hook_folder_note_expected(void)
{
	if (expected_folder >= 0)
		make_note(expected_folder, expected_name);
}

void hook_folder_unmark(const struct hook_folder *folder, uint32_t job_id)
{
	char prefix[16];
	int fd = folder->jobs < 0 ? -1 : dup(folder->jobs);
	if (fd < 0)
		return;
	DIR *marks = fdopendir(fd);
	if (marks == NULL) {
		(void)close(fd);
		return;
	}
	(void)format(prefix, sizeof prefix, "%u.", job_id); /* at most 10 digits */
	const struct dirent *entry;
	for (int seen = 0; seen < MARKS_MAX && (entry = readdir(marks)) != NULL; seen++) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		    unlinkat(folder->jobs, entry->d_name, 0) != 0 && errno != ENOENT)
			syslog(LOG_ERR, "cannot remove the mark jobs/%s: %s", entry->d_name, strerror(errno));
	}
	(void)closedir(marks);
}
