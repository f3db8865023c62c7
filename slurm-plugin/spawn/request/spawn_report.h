/* The lines that glean-spawn writes to its executor, each with the id of an attempt: started,
 * ended, failed, gone (see PROTOCOL.md). */
#ifndef GLEAN_SPAWN_REPORT_H
#define GLEAN_SPAWN_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The socket to the executor, for frames in one direction and lines in the other. Several processes
 * write to it: the kernel queues a line this short as a whole. */
#define SPAWN_SOCKET_FD 3
#define REPORT_LINE_MAX 512
#define FAILURE_TEXT_MAX 400

/* Where a start failed. The names in the report have the same order in spawn_report.c. */
enum stage {
	STAGE_REQUEST,
	STAGE_START,
	STAGE_JOIN,
	STAGE_OOM_SCORE,
	STAGE_SCHEDULE,
	STAGE_AFFINITY,
	STAGE_NAMESPACE,
	STAGE_USER,
	STAGE_TEMPORARY,
	STAGE_CHECKPOINT,
	STAGE_CHDIR,
	STAGE_OPEN_STDIN,
	STAGE_OPEN_STDOUT,
	STAGE_OPEN_STDERR,
	STAGE_SCRIPT,
	STAGE_EXEC,
	STAGE_COUNT,
};

/* The child passes it to the supervisor in one message. */
struct failure {
	enum stage stage;
	int error; /* errno, or 0 */
	char text[FAILURE_TEXT_MAX];
};

/* Fills in the failure with one sentence and returns false, so that a check can end in `return
 * fail(…)`. */
__attribute__((format(printf, 4, 5))) bool fail(struct failure *failure, enum stage stage, int error,
						const char *text, ...);

struct ending {
	int status; /* as from waitpid */
	uint64_t oom_kills;
	bool node_was_full; /* it was killed although it had room within its own limit */
	bool had_too_many_processes; /* and was killed for it */
};

/* `forked_ns`: when the command's process was created, which holds its cores from then on. */
void report_started(uint32_t id, pid_t pid, uint64_t start_ticks, uint64_t forked_ns);
void report_ended(uint32_t id, const struct ending *ending);
void report_failed(uint32_t id, const struct failure *failure);
/* `status`: of the supervisor, as from waitpid; 0 if there was none. */
void report_gone(uint32_t id, int status);

#endif
