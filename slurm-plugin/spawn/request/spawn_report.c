/* The lines that glean-spawn writes to its executor: started, ended, failed, gone (see
 * PROTOCOL.md). */
#include "spawn_report.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

static const char *const stage_names[STAGE_COUNT] = {
    "request", "start",	     "join",  "oom-score",  "schedule",	   "affinity",	  "namespace",
    "user",    "temporary", "checkpoint", "chdir", "open-stdin", "open-stdout", "open-stderr", "script",
    "exec",
};

bool fail(struct failure *failure, enum stage stage, int error, const char *text, ...)
{
	va_list values;
	failure->stage = stage;
	failure->error = error;
	va_start(values, text);
	/* truncated if too long */
	(void)vsnprintf(failure->text, sizeof failure->text, text, values);
	va_end(values);
	return false;
}

/* If the executor is gone, there is nobody to tell. */
static void write_line(const char *line)
{
	size_t left = strlen(line);
	while (left > 0) {
		ssize_t written = write(SPAWN_SOCKET_FD, line, left);
		if (written > 0) {
			line += written;
			left -= (size_t)written;
		} else if (written < 0 && errno == EAGAIN) {
			struct pollfd entry = {.fd = SPAWN_SOCKET_FD, .events = POLLOUT};
			(void)poll(&entry, 1, 1000);
		} else if (written < 0 && errno != EINTR) {
			return;
		}
	}
}

void report_started(uint32_t id, pid_t pid, uint64_t start_ticks, uint64_t forked_ns)
{
	char line[REPORT_LINE_MAX];
	if (format(line, sizeof line, "%u started %d %llu %llu\n", id, (int)pid, (unsigned long long)start_ticks,
		   (unsigned long long)forked_ns))
		write_line(line);
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static int signal_of(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static unsigned long long time_ms(const struct timeval *time)
{
	return (unsigned long long)time->tv_sec * 1000 + (unsigned long long)time->tv_usec / 1000;
}

void report_ended(uint32_t id, const struct ending *ending)
{
	char line[REPORT_LINE_MAX];
	struct rusage usage = {0};
	(void)getrusage(RUSAGE_CHILDREN, &usage); /* fails only for a wrong argument */
	if (format(line, sizeof line, "%u ended %d %d %llu %llu %llu %ld %llu %d %d\n", id, code_of(ending->status),
		   signal_of(ending->status), (unsigned long long)clock_ns(), time_ms(&usage.ru_utime),
		   time_ms(&usage.ru_stime), usage.ru_maxrss, (unsigned long long)ending->oom_kills,
		   ending->had_too_many_processes, ending->node_was_full))
		write_line(line);
}

void report_failed(uint32_t id, const struct failure *failure)
{
	char line[REPORT_LINE_MAX], text[FAILURE_TEXT_MAX];
	memcpy(text, failure->text, sizeof text);
	text[sizeof text - 1] = '\0';
	for (char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?'; /* a path may contain a newline; a report line may not */
	}
	if (format(line, sizeof line, "%u failed %s %d %s\n", id, stage_names[failure->stage], failure->error, text))
		write_line(line);
}

void report_gone(uint32_t id, int status)
{
	char line[REPORT_LINE_MAX];
	if (format(line, sizeof line, "%u gone %d %d\n", id, code_of(status), signal_of(status)))
		write_line(line);
}
