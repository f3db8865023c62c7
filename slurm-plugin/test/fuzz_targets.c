/* The parsers that are fuzzed, with samples of what they accept. */
#include "fuzz_targets.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "hook_conf.h"
#include "hook_env.h"
#include "kill_tree.h"
#include "spawn_frame.h"
#include "spawn_request.h"
#include "util.h"

/* The real one would contact a daemon; the text is formatted all the same. */
void syslog(int priority, const char *text, ...)
{
	char line[512];
	va_list values;
	(void)priority;
	va_start(values, text);
	(void)vsnprintf(line, sizeof line, text, values);
	va_end(values);
}

static bool parse_request(char *text, size_t length)
{
	static struct spawn_request request;
	struct failure failure;
	memset(&request, 0, sizeof request);
	uint8_t *exact = malloc(length + (length == 0)); /* without a NUL at its end */
	if (exact == NULL)
		abort();
	memcpy(exact, text, length);
	bool taken = spawn_request_parse(&request, exact, length, &failure);
	if (taken && ((request.args[0] == NULL) != (request.remove_path != NULL) || request.args[request.arg_count] != NULL ||
		      request.env[request.env_count] != NULL || request.cwd[0] != '/' ||
		      (request.kill_path != NULL && !is_cgroup_file(request.kill_path, "cgroup.kill"))))
		abort();
	free(exact);
	return taken;
}

/* All frames of a stream, as the server reads them. */
static bool parse_frames(char *text, size_t length)
{
	struct frame frame;
	enum frame_state state;
	size_t at = 0;
	uint8_t *exact = malloc(length + (length == 0)); /* without a NUL at its end */
	if (exact == NULL)
		abort();
	memcpy(exact, text, length);
	while ((state = spawn_frame_read(exact + at, length - at, &frame)) == FRAME_WHOLE) {
		if (frame.body != exact + at + FRAME_HEAD || frame.length > length - at - FRAME_HEAD ||
		    (frame.kind != FRAME_REQUEST && frame.kind != FRAME_ADMIT && frame.length != (frame.kind == FRAME_SIGNAL ? FRAME_SIGNAL_BODY : 0)))
			abort();
		at += FRAME_HEAD + frame.length;
	}
	if (state == FRAME_TOO_LONG && (frame.kind != FRAME_REQUEST || frame.length <= REQUEST_MAX))
		abort();
	free(exact);
	return at > 0;
}

static bool parse_conf(char *text, size_t length)
{
	struct hook_settings settings;
	(void)length;
	hook_conf_defaults(&settings);
	hook_conf_parse(&settings, text, "hook.conf");
	if (settings.answer_ms < 1 || settings.deadline_ms < 10 || settings.run_dir[0] != '/' ||
	    strlen(settings.run_dir) >= sizeof settings.run_dir)
		abort();
	return settings.wake_length > 0 || settings.answer_ms != HOOK_DEFAULT_ANSWER_MS;
}

static bool parse_cpus(char *text, size_t length)
{
	char *tasks = strchr(text, ' '); /* a space is followed by the number of tasks */
	if (tasks != NULL)
		*tasks++ = '\0';
	uint32_t cpus = hook_env_cpus(text, (long)(length % 5) - 1, tasks, NULL);
	if (cpus > HOOK_MAX_CPUS)
		abort();
	return cpus > 0;
}

static bool parse_gpus(char *text, size_t length)
{
	char out[HOOK_MAX_GPUS * 3];
	(void)length;
	hook_env_gpus(text, out, sizeof out);
	return out[0] != '*';
}

static bool parse_hosts(char *text, size_t length)
{
	(void)length;
	long place = hostlist_index(text, "n3", clock_ns() + 20 * NS_PER_MS);
	if (place >= HOSTLIST_MAX_HOSTS)
		abort();
	return place >= 0;
}

static bool parse_pid_file(char *text, size_t length)
{
	struct kill_target target;
	(void)length;
	bool taken = kill_target_parse(&target, text);
	if (taken && (target.executor.pid < 2 || (target.kill_path[0] != '\0' &&
						  !is_cgroup_file(target.kill_path, "cgroup.kill"))))
		abort();
	return taken;
}

static bool parse_answer(char *text, size_t length)
{
	(void)length;
	return hook_is_freed(text);
}

static bool parse_stat(char *text, size_t length)
{
	struct proc_info info;
	(void)length;
	return proc_parse(text, &info);
}

const struct target targets[TARGETS] = {
    {"request",
     parse_request, RECORDS,
     {"uid=1000\ngid=100\nuser=ada\ngroups=1,2,3\ncwd=/home/ada\nstdout=out\nstderr=out\nopen=append\numask=0077\n"
      "nice=-5\nidle=1\noomScoreAdj=1000\ncpus=0-3,8\nenv=A=1\nenv=PATH=/bin\narg=echo\narg=",
      "uid=0\ngid=0\nallowRoot=1\ncwd=/\njoin=/sys/fs/cgroup/a/cgroup.procs\nkill=/sys/fs/cgroup/a/cgroup.kill\n"
      "memoryMb=64\npollMemory=1\nmaxProcesses=100\nsharedSession=1\nnewPrivs=1\narg=true",
      "uid=5\ngid=5\ncwd=/\nstdin=/dev/null\ncheckpoint=/tmp/state\nnotice=15\nnoticeMain=1\nscript=#!/bin/sh\narg=x",
      "uid=5\ngid=5\ncwd=/\nprivateDirectory=/tmp\nprivateDirectory=/var/tmp\npamService=gleaner\nstartMs=30000\n"
      "noUserNamespaces=1\nnoRareCalls=1\nremoveCheckpoint=/tmp/state"},
     {"uid=", "=", "4294967295", "-1", "0-8191", "8192", "\n", "\xff\xff\xff\xff", "env=", "arg=", "script=#!",
      "groups=,,,", "umask=0777", "/sys/fs/cgroup/", "..", "cgroup.kill", "join=", "cpus=9-1"}},
    {"conf",
     parse_conf, PLAIN,
     {"# of a site\nrunDir=/run/gleaner\nanswerMs=80\ndeadlineMs = 1500\nwake=127.0.0.1:829\n", "wake=[::1]:65535\n"},
     {"\n", "=", "#", " ", "\r", "\t", "wake=", "[", "]:", ":", "runDir=", "/", "answerMs=60001", "0", "%s%n"}},
    {"cpus", parse_cpus, PLAIN, {"5,1", "4(x2),3 11", "16", "65536(x65536)"}, {"(x", ")", ",", "0", "65537", "99999999999", " ", " 3"}},
    {"gpus", parse_gpus, PLAIN, {"0,1", "0-63", "3,1,2-5"}, {"-", ",", "63", "64", "99999999999", " "}},
    {"hosts",
     parse_hosts, PLAIN,
     {"n[1-3,7],gpu[01-04]", "r[1-2]n[1-3]", "n3", "a,b,c-d.e,n[0-9][0-9]x"},
     {"[", "]", "-", ",", "[0-65536]", "000000001", "999999999", "n", "[1-"}},
    {"pidFile",
     parse_pid_file, PLAIN,
     {"pid=123\nstartTicks=456\nexecutor=e-1\nkill=/sys/fs/cgroup/gleaner/n1/cgroup.kill\n", "startTicks=1\npid=2\n"},
     {"\n", "=", "pid=", "kill=", "kill=/sys/fs/cgroup/../cgroup.kill", "4194304", "startTicks=", "%n", "cgroup.kill"}},
    {"answer", parse_answer, PLAIN, {"freed 2 13", "freed 0 0", "freed 999999999 999999999"}, {" ", "freed", "-", "1", "\n"}},
    {"frames",
     parse_frames, FRAMES,
     {"Rrecords\nT\nK", "N\nR\nRmore records\nS\nA\nK"},
     {"\n", "R", "T", "N", "K", "S\x0a", "A", "x", "\xff\xff\xff\xff", "\nRbody", "\nK"}},
    {"stat",
     parse_stat, PLAIN,
     {"7 (a) b) S 1 7 7 0 -1 4194560 89 0 0 0 0 0 0 0 20 0 1 0 4242 2461696 128 18446744073709551615 1 1 0 0 0 0 0 "
      "0 0 0 0 0 17 3 0 0 0 0 0"},
     {")", "(", " ", "-", "99999999999999999999", "R", "\n", ") Z"}},
};
