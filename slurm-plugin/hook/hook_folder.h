/* The node's folder <runDir>/<node>/, opened only if nobody else can have written there; it holds
 * the marks of batch jobs. */
#ifndef GLEAN_HOOK_FOLDER_H
#define GLEAN_HOOK_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "hook_core.h"

struct hook_folder {
	int node; /* <runDir>/<node> */
	int jobs; /* <runDir>/<node>/jobs */
};

/* False, with a line in syslog, if the folder is missing (and `create` is false) or cannot be
 * trusted; then nothing is read from it and no note is left in it. */
bool hook_folder_open(struct hook_folder *folder, const char *run_dir, const char *node, bool create);
void hook_folder_close(struct hook_folder *folder);

/* Creates jobs/<jobId>.<cpus>.<gpus>. A failure is only logged: the executor is asked anyway. */
void hook_folder_mark(const struct hook_folder *folder, const struct hook_input *input);
void hook_folder_unmark(const struct hook_folder *folder, uint32_t job_id);

/* Creates killed.<jobId>.<ms>: the node's next executor tells the daemon that the hook had to kill
 * the previous one. */
void hook_folder_note_kill(const struct hook_folder *folder, uint32_t job_id, uint64_t took_ms);

/* Creates late.<jobId>.<ms>.<left>: the prolog ended with this many function processes not
 * confirmed gone; -1 if not counted. */
void hook_folder_note_late(const struct hook_folder *folder, uint32_t job_id, uint64_t took_ms, long left);

/* Until the folder is closed, hook_folder_note_expected creates late.<jobId>.<deadlineMs>.*: for a
 * signal handler, in case this process hangs until its hard limit. */
void hook_folder_expect(const struct hook_folder *folder, uint32_t job_id, int deadline_ms);
void hook_folder_note_expected(void);

#endif
