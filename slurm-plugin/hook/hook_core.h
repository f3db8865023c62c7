/* Handles the begin and the end of a batch job on this node, without environment, configuration
 * files or exit.
 *
 * PROTOCOL.md describes the lines that it exchanges with the executor's hook.sock: begin/freed,
 * end/ok, probe/here. */
#ifndef GLEAN_HOOK_CORE_H
#define GLEAN_HOOK_CORE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "hostlist.h"

#define HOOK_LINE_MAX 256 /* the longest line that either side may send, with its newline */
#define HOOK_MAX_CPUS 65536
#define HOOK_MAX_GPUS 64
#define HOOK_PATH_MAX 256

struct hook_settings {
	char run_dir[HOOK_PATH_MAX];
	int answer_ms;	 /* how long the executor may take */
	int deadline_ms; /* the hard limit for the whole program */
	struct sockaddr_storage wake;
	socklen_t wake_length; /* 0: no wake datagram */
};

struct hook_input {
	char node[HOSTLIST_MAX_NAME + 1];
	char cluster[HOSTLIST_MAX_NAME + 1]; /* "-" when unknown */
	uint32_t job_id;
	uint32_t cpus;		      /* 0: unknown, the whole node */
	char gpus[HOOK_MAX_GPUS * 3]; /* "0,1", "-" none, "*" unknown */
	uint64_t start_ns;	      /* CLOCK_MONOTONIC at the program's start */
};

/* The moment after which nothing new begins: a little before deadline_ms, to leave time for logging
 * and exiting. */
uint64_t hook_deadline(const struct hook_settings *settings, const struct hook_input *input);

/* Marks the job, has the executor free what the job needs, and kills the executor if it does not
 * answer. */
void hook_begin(const struct hook_settings *settings, const struct hook_input *input);

/* Removes the job's mark and tells the executor, or else the daemon, that the job has left. */
void hook_end(const struct hook_settings *settings, const struct hook_input *input);

/* Asks the executor for its id; `answer` receives the line without newline. */
bool hook_probe(const struct hook_settings *settings, const struct hook_input *input, char answer[HOOK_LINE_MAX]);

/* Whether an answer is `freed <attempts> <ms>` and nothing else. */
bool hook_is_freed(const char *line);

#endif
