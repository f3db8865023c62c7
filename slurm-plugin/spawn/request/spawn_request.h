/* The request for one attempt: the body of a frame (spawn_frame.h).
 *
 * It consists of records, each a u32 size and `size` bytes of `key=value` (PROTOCOL.md has the
 * table of keys). Integers are little-endian. Values contain no NUL, except `script` and `input`.
 * Records have sizes instead of separators, so that no value from a user can become a record of its
 * own. */
#ifndef GLEAN_SPAWN_REQUEST_H
#define GLEAN_SPAWN_REQUEST_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "spawn_report.h"

/* environment and script: the kernel accepts at most 6 MiB of arguments */
#define REQUEST_MAX (8u << 20)
#define REQUEST_MAX_STRINGS 16384
#define REQUEST_MAX_GROUPS 1024
#define REQUEST_MAX_JOINS 16
#define REQUEST_MAX_PRIVATE 8
#define REQUEST_MAX_LIMITS 16
#define REQUEST_CPU_SETS 8	/* of 1024 CPUs each */

struct spawn_request {
	uid_t uid;
	gid_t gid;
	const char *user; /* NULL if not given */
	gid_t groups[REQUEST_MAX_GROUPS];
	size_t group_count;
	bool allow_root, append, idle, new_privs, poll_memory, has_nice, has_oom_score, has_cpus, shared_session;
	bool keeps_children; /* the end of the command is not the end of what it started */
	const char *cwd, *stdin_path, *stdout_path, *stderr_path;
	/* milliseconds since the epoch: what was written to the outputs since then is kept; 0:
	 * nothing */
	uint64_t keep_since_ms;
	mode_t umask;
	struct {
		int resource;
		rlim_t soft;
	} limits[REQUEST_MAX_LIMITS];
	size_t limit_count;
	int nice, oom_score;
	cpu_set_t cpus[REQUEST_CPU_SETS];
	const char *joins[REQUEST_MAX_JOINS];
	size_t join_count;
	const char *kill_path; /* NULL if not given */
	uint64_t memory_bytes, max_processes; /* 0 if not given */
	const char *checkpoint_path; /* NULL if not given */
	const char *temporary_path; /* NULL if not given */
	uint64_t temporary_mb; /* the space that must be free there; 0 if not given */
	/* a checkpoint folder to remove; NULL if there is a command instead */
	const char *remove_path;
	uint64_t start_ms; /* the longest that a start may take; 0 for no limit */
	int notice_signal; /* 0 if the command requested no notice */
	bool notice_main;
	const char *private_directories[REQUEST_MAX_PRIVATE];
	size_t private_count;
	const char *pam_service; /* NULL if not given */
	/* the executor's socket and the worker's number there; NULL for a command */
	const char *worker_socket;
	uint64_t worker_id;
	bool no_user_namespaces, no_rare_calls;
	char *env[REQUEST_MAX_STRINGS + 1], *args[REQUEST_MAX_STRINGS + 1]; /* NULL-terminated */
	size_t env_count, arg_count;
	const uint8_t *script; /* NULL: argv[0] is executed */
	size_t script_length;
	const char *script_path; /* NULL: the script is in memory */
	const uint8_t *input; /* NULL: standard input is stdin_path */
	size_t input_length;
};

/* Parses and checks the `left` bytes of records at `at`, which the request keeps. `request` must be
 * zeroed. */
bool spawn_request_parse(struct spawn_request *request, uint8_t *at, size_t left, struct failure *failure);

#endif
