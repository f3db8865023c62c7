/* Handles the begin and the end of a batch job on this node, without environment, configuration
 * files or exit. */
#include "hook_core.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "hook_folder.h"
#include "hook_talk.h"
#include "kill_tree.h"
#include "node_group.h"
#include "unkillable.h"
#include "urgency.h"
#include "util.h"

uint64_t hook_deadline(const struct hook_settings *settings, const struct hook_input *input)
{
	int reserve_ms = settings->deadline_ms / 10 < 50 ? settings->deadline_ms / 10 : 50;
	return input->start_ns + (uint64_t)(settings->deadline_ms - reserve_ms) * NS_PER_MS;
}

static uint64_t answer_deadline(const struct hook_settings *settings, const struct hook_input *input)
{
	uint64_t answer = clock_ns() + (uint64_t)settings->answer_ms * NS_PER_MS;
	uint64_t whole = hook_deadline(settings, input);
	return answer < whole ? answer : whole;
}

/* The position behind the 1 to 9 digits at `at`; NULL if there are none or more. */
static const char *after_number(const char *at)
{
	size_t digits = strspn(at, "0123456789");
	return digits >= 1 && digits <= 9 ? at + digits : NULL;
}

bool hook_is_freed(const char *line)
{
	static const char word[] = "freed ";
	if (strncmp(line, word, sizeof word - 1) != 0)
		return false;
	const char *attempts_end = after_number(line + sizeof word - 1);
	const char *ms_end =
	    attempts_end != NULL && *attempts_end == ' ' ? after_number(attempts_end + 1) : NULL;
	return ms_end != NULL && *ms_end == '\0';
}

/* Nothing of the executor is known to remain except the processes in `left`. */
static void note_late(const struct hook_folder *folder, const struct hook_input *input, const struct proc_list *left,
		      uint64_t took_ms)
{
	size_t dying = unkillable_note(left, folder->node);
	hook_folder_note_late(folder, input->job_id, took_ms, left->count > 0 ? (long)left->count : -1);
	syslog(LOG_ERR, "job %u: %zu processes of functions were killed but not gone after %llu ms, %zu of them hang in the kernel",
	       input->job_id, left->count, (unsigned long long)took_ms, left->count - dying);
}

/*
 * The folder does not say where its executor is: somebody removed it or what was in it, or it is
 * untrusted. There may be an executor all the same, perhaps a stopped one. If `reason` is empty,
 * most likely there is none.
 */
static void kill_unnamed(const struct hook_settings *settings, const struct hook_input *input,
			 const struct hook_folder *folder, const char *reason)
{
	static struct proc_list known, left;
	unkillable_read(&known, folder->node);
	enum kill_outcome end =
	    node_group_end(settings->run_dir, input->node, &known, &left, hook_deadline(settings, input));
	uint64_t took_ms = (clock_ns() - input->start_ns) / NS_PER_MS;
	if (end == KILL_LATE)
		note_late(folder, input, &left, took_ms);
	if (end == KILL_DONE) {
		hook_folder_note_kill(folder, input->job_id, took_ms);
		syslog(LOG_WARNING,
		       "job %u: an executor that %s/%s does not name was found by its cgroup and was killed, %llu ms "
		       "after the prolog began",
		       input->job_id, settings->run_dir, input->node, (unsigned long long)took_ms);
	}
	if (end == KILL_NONE_LEFT && reason[0] != '\0') {
		/* it may have no cgroup */
		hook_folder_note_late(folder, input->job_id, took_ms, -1);
		syslog(LOG_ERR, "job %u: executor %s, and executor.pid is unreadable", input->job_id, reason);
	}
}

static void kill_executor(const struct hook_settings *settings, const struct hook_input *input,
			  const struct hook_folder *folder, const char *reason)
{
	static struct proc_list known, left;
	struct kill_target target;
	if (!kill_target_read(&target, folder->node)) {
		kill_unnamed(settings, input, folder, reason);
		return;
	}
	unkillable_read(&known, folder->node);
	enum kill_outcome end = kill_target_end(&target, &known, &left, hook_deadline(settings, input));
	uint64_t took_ms = (clock_ns() - input->start_ns) / NS_PER_MS;
	if (end == KILL_LATE)
		note_late(folder, input, &left, took_ms);
	if (end != KILL_DONE)
		return;
	/* An executor that did not listen yet, or no longer, ran nothing. */
	if (reason[0] != '\0')
		hook_folder_note_kill(folder, input->job_id, took_ms);
	syslog(LOG_WARNING, "job %u: executor %d %s and was killed, %llu ms after the prolog began", input->job_id,
	       (int)target.executor.pid, reason[0] != '\0' ? reason : "did not listen", (unsigned long long)took_ms);
}

/* The executor answers at the hook's own priority while the hook waits. */
static enum talk ask_to_free(const struct hook_settings *settings, const struct hook_input *input,
			     const struct hook_folder *folder, char answer[HOOK_LINE_MAX])
{
	char line[HOOK_LINE_MAX];
	struct kill_target target;
	/* Bounded by hook_input: the longest line has 237 bytes. */
	(void)format(line, sizeof line, "begin %u %u %s %d %llu\n", input->job_id, input->cpus, input->gpus,
		     settings->answer_ms, (unsigned long long)input->start_ns);
	bool lent = kill_target_read(&target, folder->node) && proc_is_alive(&target.executor) &&
		    urgency_lend(target.executor.pid);
	enum talk talk = hook_talk(folder->node, line, answer, answer_deadline(settings, input));
	if (lent && proc_is_alive(&target.executor))
		urgency_take_back(target.executor.pid);
	return talk;
}

void hook_begin(const struct hook_settings *settings, const struct hook_input *input)
{
	struct hook_folder folder;
	if (!hook_folder_open(&folder, settings->run_dir, input->node, true)) {
		kill_unnamed(settings, input, &folder, ""); /* why is logged there */
		return;
	}
	hook_folder_mark(&folder, input);
	hook_folder_expect(&folder, input->job_id, settings->deadline_ms);
	char answer[HOOK_LINE_MAX];
	switch (ask_to_free(settings, input, &folder, answer)) {
	case TALK_ANSWERED:
		if (!hook_is_freed(answer))
			kill_executor(settings, input, &folder, "gave a wrong answer");
		break;
	case TALK_NO_ANSWER:
		kill_executor(settings, input, &folder, "did not answer");
		break;
	case TALK_NOBODY:
		kill_executor(settings, input, &folder, "");
		break;
	}
	hook_folder_close(&folder);
}

/* Hints to the daemon that this node has more room now. A lost datagram costs a poll interval,
 * nothing else. */
static void send_wake(const struct hook_settings *settings, const struct hook_input *input)
{
	char line[HOOK_LINE_MAX];
	if (settings->wake_length == 0 ||
	    !format(line, sizeof line, "wake %s %s %u\n", input->cluster, input->node, input->job_id))
		return;
	int fd = socket(settings->wake.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, line, strlen(line), MSG_NOSIGNAL, (const struct sockaddr *)&settings->wake,
		     settings->wake_length);
	(void)close(fd);
}

void hook_end(const struct hook_settings *settings, const struct hook_input *input)
{
	struct hook_folder folder;
	char line[HOOK_LINE_MAX], answer[HOOK_LINE_MAX];
	enum talk talk = TALK_NOBODY;
	if (hook_folder_open(&folder, settings->run_dir, input->node, false)) {
		hook_folder_unmark(&folder, input->job_id);
		(void)format(line, sizeof line, "end %u\n", input->job_id);
		talk = hook_talk(folder.node, line, answer, answer_deadline(settings, input));
		hook_folder_close(&folder);
	}
	if (talk == TALK_NOBODY)
		send_wake(settings, input);
}

bool hook_probe(const struct hook_settings *settings, const struct hook_input *input, char answer[HOOK_LINE_MAX])
{
	struct hook_folder folder;
	if (!hook_folder_open(&folder, settings->run_dir, input->node, false))
		return false;
	enum talk talk = hook_talk(folder.node, "probe\n", answer, hook_deadline(settings, input));
	hook_folder_close(&folder);
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
	if (talk != TALK_ANSWERED || strncmp(answer, "here ", 5) != 0)
		return false;
	size_t length = strlen(answer + 5);
	return length >= 1 && length <= 128 && strspn(answer + 5, allowed) == length;
}
