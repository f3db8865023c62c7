/* The lines that glean-spawn writes to descriptor 5: started, ended, failed (see PROTOCOL.md). */
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
    "user",    "checkpoint", "chdir", "open-stdin", "open-stdout", "open-stderr", "script",
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

/* Writes a whole line. If the executor is gone, there is nobody to tell: the control descriptor
 * shows its end. */
static void write_line(int fd, const char *line)
{
	size_t left = strlen(line);
	while (left > 0) {
		ssize_t written = write(fd, line, left);
		if (written > 0) {
			line += written;
			left -= (size_t)written;
		} else if (written < 0 && errno == EAGAIN) {
			struct pollfd entry = {.fd = fd, .events = POLLOUT};
			(void)poll(&entry, 1, 1000);
		} else if (written < 0 && errno != EINTR) {
			return;
		}
	}
}

void report_started(int fd, pid_t pid, uint64_t start_ticks, uint64_t forked_ns)
{
	char line[REPORT_LINE_MAX];
	if (format(line, sizeof line, "started %d %llu %llu\n", (int)pid, (unsigned long long)start_ticks,
		   (unsigned long long)forked_ns))
		write_line(fd, line);
}

static unsigned long long time_ms(const struct timeval *time)
{
	return (unsigned long long)time->tv_sec * 1000 + (unsigned long long)time->tv_usec / 1000;
}

void report_ended(int fd, const struct ending *ending)
{
	char line[REPORT_LINE_MAX];
	struct rusage usage = {0};
	(void)getrusage(RUSAGE_CHILDREN, &usage); /* fails only for a wrong argument */
	int code = WIFEXITED(ending->status) ? WEXITSTATUS(ending->status) : 0;
	int signal = WIFSIGNALED(ending->status) ? WTERMSIG(ending->status) : 0;
	if (format(line, sizeof line, "ended %d %d %llu %llu %llu %ld %llu %d\n", code, signal,
		   (unsigned long long)clock_ns(), time_ms(&usage.ru_utime), time_ms(&usage.ru_stime),
		   usage.ru_maxrss, (unsigned long long)ending->oom_kills, ending->had_too_many_processes))
		write_line(fd, line);
}

void report_failed(int fd, const struct failure *failure)
{
	char line[REPORT_LINE_MAX], text[FAILURE_TEXT_MAX];
	memcpy(text, failure->text, sizeof text);
	text[sizeof text - 1] = '\0';
	for (char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?'; /* a path may contain a newline; a report line may not */
	}
	if (format(line, sizeof line, "failed %s %d %s\n", stage_names[failure->stage], failure->error, text))
		write_line(fd, line);
}
