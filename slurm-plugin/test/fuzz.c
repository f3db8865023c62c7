/* Feeds made-up input to every parser of the C programs, under the sanitizers: fuzz INPUTS SEED
 * [TARGET NUMBER].
 *
 * Each input depends only on the seed, the target and its number, so that one that fails can be
 * recreated by naming these. It is a sample with a few changes, in a block of memory of exactly its
 * length, so that an access beyond it is detected. */
#include <sanitizer/common_interface_defs.h>
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

#define INPUT_MAX 4096
#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

struct input {
	size_t length;
	uint8_t bytes[INPUT_MAX];
};

/* Whether a parser accepted the text, which is a block of its own, followed by a NUL. */
typedef bool parse(char *text, size_t length);

static uint64_t state;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static size_t below(size_t count)
{
	return (size_t)(next() % count);
}

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
		    (frame.kind != FRAME_REQUEST && frame.length > 0))
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

static const struct target {
	const char *name;
	parse *parse;
	const char *samples[4]; /* of requests and frames: separated by newlines, see frame() */
	const char *words[20];
} targets[] = {
    {"request",
     parse_request,
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
     parse_conf,
     {"# of a site\nrunDir=/run/gleaner\nanswerMs=80\ndeadlineMs = 1500\nwake=127.0.0.1:829\n", "wake=[::1]:65535\n"},
     {"\n", "=", "#", " ", "\r", "\t", "wake=", "[", "]:", ":", "runDir=", "/", "answerMs=60001", "0", "%s%n"}},
    {"cpus", parse_cpus, {"5,1", "4(x2),3 11", "16", "65536(x65536)"}, {"(x", ")", ",", "0", "65537", "99999999999", " ", " 3"}},
    {"gpus", parse_gpus, {"0,1", "0-63", "3,1,2-5"}, {"-", ",", "63", "64", "99999999999", " "}},
    {"hosts",
     parse_hosts,
     {"n[1-3,7],gpu[01-04]", "r[1-2]n[1-3]", "n3", "a,b,c-d.e,n[0-9][0-9]x"},
     {"[", "]", "-", ",", "[0-65536]", "000000001", "999999999", "n", "[1-"}},
    {"pidFile",
     parse_pid_file,
     {"pid=123\nstartTicks=456\nexecutor=e-1\nkill=/sys/fs/cgroup/gleaner/n1/cgroup.kill\n", "startTicks=1\npid=2\n"},
     {"\n", "=", "pid=", "kill=", "kill=/sys/fs/cgroup/../cgroup.kill", "4194304", "startTicks=", "%n", "cgroup.kill"}},
    {"answer", parse_answer, {"freed 2 13", "freed 0 0", "freed 999999999 999999999"}, {" ", "freed", "-", "1", "\n"}},
    {"frames",
     parse_frames,
     {"Rrecords\nT\nK", "N\nR\nRmore records\nK"},
     {"\n", "R", "T", "N", "K", "x", "\xff\xff\xff\xff", "\nRbody", "\nK"}},
    {"stat",
     parse_stat,
     {"7 (a) b) S 1 7 7 0 -1 4194560 89 0 0 0 0 0 0 0 20 0 1 0 4242 2461696 128 18446744073709551615 1 1 0 0 0 0 0 "
      "0 0 0 0 0 17 3 0 0 0 0 0"},
     {")", "(", " ", "-", "99999999999999999999", "R", "\n", ") Z"}},
};

/* What newlines separate becomes records with their sizes, or frames with lengths and ids. */
static void frame(struct input *input, bool by_id)
{
	struct input framed = {0};
	size_t start = 0, head = by_id ? 8 : 4;
	for (size_t at = 0; at <= input->length; at++) {
		if (at < input->length && input->bytes[at] != '\n')
			continue;
		size_t size = at - start, told = below(40) == 0 ? below(300) : size - (by_id && size > 0);
		if (framed.length + head + size > INPUT_MAX)
			break;
		for (int byte = 0; byte < 4; byte++)
			framed.bytes[framed.length++] = (uint8_t)(told >> 8 * byte);
		for (size_t byte = 4; byte < head; byte++)
			framed.bytes[framed.length++] = (uint8_t)below(3);
		memcpy(framed.bytes + framed.length, input->bytes + start, size);
		framed.length += size;
		start = at + 1;
	}
	*input = framed;
}

static void insert(struct input *input, size_t at, const void *bytes, size_t count)
{
	if (input->length + count > INPUT_MAX)
		return;
	memmove(input->bytes + at + count, input->bytes + at, input->length - at);
	memcpy(input->bytes + at, bytes, count);
	input->length += count;
}

static void change(struct input *input, const struct target *target)
{
	size_t words = 0, at = below(input->length + 1), count = below(input->length - at + 1);
	uint8_t copy[INPUT_MAX], byte = (uint8_t)next();
	while (words < COUNT_OF(target->words) && target->words[words] != NULL)
		words++;
	const char *word = target->words[below(words)];
	switch (below(6)) {
	case 0:
		insert(input, at, word, strlen(word));
		break;
	case 1:
		insert(input, at, &byte, 1);
		break;
	case 2:
		memcpy(copy, input->bytes + at, count);
		insert(input, below(input->length + 1), copy, count);
		break;
	case 3:
		memmove(input->bytes + at, input->bytes + at + count, input->length - at - count);
		input->length -= count;
		break;
	case 4:
		input->length = at;
		break;
	default:
		if (at < input->length)
			input->bytes[at] ^= (uint8_t)(1 << below(8));
	}
}

static void make(struct input *input, const struct target *target)
{
	size_t samples = 0;
	while (samples < COUNT_OF(target->samples) && target->samples[samples] != NULL)
		samples++;
	const char *sample = target->samples[below(samples)];
	input->length = strlen(sample);
	memcpy(input->bytes, sample, input->length);
	bool by_id = target->parse == parse_frames, is_framed = by_id || target->parse == parse_request;
	for (size_t left = below(5); left > 0; left--)
		change(input, target);
	if (is_framed)
		frame(input, by_id);
	for (size_t left = is_framed && below(2) == 0 ? 1 + below(3) : 0; left > 0; left--)
		change(input, target);
}

static const struct target *current;
static uint64_t current_number, seed;

static void name_input(void)
{
	(void)fprintf(stderr, "fuzz: found by: fuzz 1 %llu %s %llu\n", (unsigned long long)seed, current->name,
		      (unsigned long long)current_number);
}

/* An abort in one of our checks ends like a sanitizer's finding. */
const char *__asan_default_options(void)
{
	return "handle_abort=1";
}

static const struct target *find(const char *name)
{
	for (size_t at = 0; at < COUNT_OF(targets); at++) {
		if (strcmp(targets[at].name, name) == 0)
			return &targets[at];
	}
	return NULL;
}

static bool run(const struct target *target, uint64_t number)
{
	static struct input input;
	current = target;
	current_number = number;
	state = seed ^ number * 0xd1342543de82ef95ull ^ (uint64_t)(target - targets) << 56;
	make(&input, target);
	char *text = malloc(input.length + 1);
	if (text == NULL)
		abort();
	memcpy(text, input.bytes, input.length);
	text[input.length] = '\0';
	bool taken = target->parse(text, input.length);
	free(text);
	return taken;
}

int main(int argc, char **argv)
{
	uint64_t inputs, number = 0, taken[COUNT_OF(targets)] = {0};
	if ((argc != 3 && argc != 5) || !parse_number(argv[1], 1, 1000000000, &inputs) ||
	    !parse_number(argv[2], 0, INT64_MAX, &seed) ||
	    (argc == 5 && (find(argv[3]) == NULL || !parse_number(argv[4], 0, INT64_MAX, &number)))) {
		(void)fprintf(stderr, "fuzz: usage: fuzz INPUTS SEED [TARGET NUMBER]\n");
		return 2;
	}
	__sanitizer_set_death_callback(name_input);
	for (uint64_t left = inputs; left > 0; left--, number++) {
		/* Half of all inputs are requests, which have the largest grammar. */
		size_t turn = number % 2 == 0 ? 0 : 1 + number / 2 % (COUNT_OF(targets) - 1);
		const struct target *target = argc == 5 ? find(argv[3]) : &targets[turn];
		taken[target - targets] += run(target, number);
	}
	(void)printf("{\"inputs\":%llu,\"seed\":%llu,\"accepted\":{", (unsigned long long)inputs, (unsigned long long)seed);
	for (size_t at = 0; at < COUNT_OF(targets); at++)
		(void)printf("%s\"%s\":%llu", at > 0 ? "," : "", targets[at].name, (unsigned long long)taken[at]);
	(void)printf("}}\n");
	return 0;
}
