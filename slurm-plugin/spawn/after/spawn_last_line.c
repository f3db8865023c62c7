/* The last line of a command's standard error, which says that it was cancelled, requeued or
 * reached its time limit, as slurmstepd writes it.
 *
 * The command opened its standard error as its user, and so no path is opened a second time. A
 * process of the user writes the line: quotas hold for it, and a file server that is gone does not
 * stop the supervisor from killing. Only files get the line, as a pipe or FIFO that the supervisor
 * held would not end with its last writer. */
#include "spawn_last_line.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn_after.h"
#include "spawn_memory.h"
#include "util.h"

/* The bytes of the message that brings the descriptor; a failure has more. */
#define LENT 1

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr head; /* for its alignment */
};

void spawn_last_line_lend(int status)
{
	struct stat is;
	const int errors = STDERR_FILENO;
	union control control = {{0}};
	struct iovec part = {.iov_base = "", .iov_len = LENT};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	if (fstat(errors, &is) != 0 || !S_ISREG(is.st_mode))
		return;
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof errors);
	memcpy(CMSG_DATA(head), &errors, sizeof errors);
	/* without it the line is not written */
	(void)sendmsg(status, &message, MSG_NOSIGNAL);
}

bool spawn_last_line_take(struct last_line *line, int status, void *data, size_t size, ssize_t *got)
{
	union control control = {{0}};
	struct iovec part = {.iov_base = data, .iov_len = size};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	do
		*got = recvmsg(status, &message, MSG_CMSG_CLOEXEC);
	while (*got < 0 && errno == EINTR);
	if (*got != LENT)
		return false;
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (head != NULL && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof line->errors))
		memcpy(&line->errors, CMSG_DATA(head), sizeof line->errors);
	return true;
}

/* The value of a variable of the command, or NULL. */
static const char *find(const struct spawn_request *request, const char *name)
{
	size_t length = strlen(name);
	for (size_t at = 0; at < request->env_count; at++) {
		if (strncmp(request->env[at], name, length) == 0 && request->env[at][length] == '=')
			return request->env[at] + length + 1;
	}
	return NULL;
}

static bool compose(const struct last_line *line, const struct spawn_request *request, char *text, size_t size)
{
	char at[32];
	struct tm local;
	const char *job = find(request, "SLURM_JOB_ID"), *node = find(request, "SLURMD_NODENAME");
	return job != NULL && node != NULL && localtime_r(&line->at, &local) != NULL &&
	       strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%S", &local) > 0 &&
	       format(text, size, "gleaner: error: *** JOB %.20s ON %.255s CANCELLED AT %s%s ***\n", job, node, at,
		      line->why);
}

void spawn_last_line_write(const struct last_line *line, const struct spawn_request *request, const struct task *task)
{
	char text[512];
	if (line->errors < 0 || line->at == 0 || !compose(line, request, text, sizeof text))
		return;
	pid_t own = getpid(), pid = fork();
	if (pid == 0)
		_exit(spawn_after_become(request->uid, request->gid, own) &&
				      spawn_memory_write(line->errors, (const uint8_t *)text, strlen(text))
			      ? 0
			      : 1);
	if (pid > 0)
		spawn_after_wait(pid, task);
}
