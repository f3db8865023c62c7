/* Exchanges one line with the executor's socket, with a deadline. */
#include "hook_talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

/* Connects without blocking. A full backlog (EAGAIN) means that the executor does not accept:
 * retries until the deadline. */
static enum talk open_socket(int folder, uint64_t deadline_ns, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	/* By descriptor: the path stays short, and it is the folder that was checked. */
	if (!format(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/hook.sock", folder))
		return TALK_NO_ANSWER;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return TALK_NO_ANSWER;
	while (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		int error = errno;
		if ((error == EAGAIN || error == EINTR) && clock_ns() < deadline_ns) {
			const struct timespec pause = {.tv_nsec = 2000000};
			(void)nanosleep(&pause, NULL);
			continue;
		}
		(void)close(fd);
		return error == ENOENT || error == ECONNREFUSED ? TALK_NOBODY : TALK_NO_ANSWER;
	}
	*out = fd;
	return TALK_ANSWERED;
}

/* Waits for the descriptor; false if the deadline came first. */
static bool wait_for(int fd, short events, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd entry = {.fd = fd, .events = events};
		int left = ms_until(deadline_ns);
		int ready = poll(&entry, 1, left);
		if (ready > 0)
			return true;
		if ((ready == 0 && left == 0) || (ready < 0 && errno != EINTR))
			return false;
	}
}

static bool send_line(int fd, const char *line, uint64_t deadline_ns)
{
	size_t left = strlen(line);
	while (left > 0) {
		if (!wait_for(fd, POLLOUT, deadline_ns))
			return false;
		ssize_t sent = send(fd, line, left, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (sent > 0) {
			line += sent;
			left -= (size_t)sent;
		}
	}
	return true;
}

/* Reads up to the first newline. False at end of file, after more than HOOK_LINE_MAX bytes, at a
 * NUL, or at the deadline. */
static bool receive_line(int fd, char answer[HOOK_LINE_MAX], uint64_t deadline_ns)
{
	size_t used = 0;
	while (used < HOOK_LINE_MAX) {
		if (!wait_for(fd, POLLIN, deadline_ns))
			return false;
		ssize_t got = recv(fd, answer + used, HOOK_LINE_MAX - used, 0);
		if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
			return false;
		if (got <= 0)
			continue;
		used += (size_t)got;
		char *newline = memchr(answer, '\n', used);
		if (newline != NULL) {
			*newline = '\0';
			return strlen(answer) == (size_t)(newline - answer) &&
			       newline == answer + used - 1; /* nothing may follow */
		}
	}
	return false;
}

enum talk hook_talk(int folder, const char *line, char answer[HOOK_LINE_MAX], uint64_t deadline_ns)
{
	int fd;
	enum talk opened = open_socket(folder, deadline_ns, &fd);
	if (opened != TALK_ANSWERED)
		return opened;
	bool answered = send_line(fd, line, deadline_ns) && receive_line(fd, answer, deadline_ns);
	(void)close(fd);
	return answered ? TALK_ANSWERED : TALK_NO_ANSWER;
}
