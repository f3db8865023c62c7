/* What a row's program in C is to do. */
#define _GNU_SOURCE
#include "plan.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST_WARM_CALLS 500u
#define MAX_NAME 16

struct line {
	char name[MAX_NAME];
	size_t bytes, calls;
};

void plan_fail(const char *message)
{
	fprintf(stderr, "%s\n", message);
	exit(1);
}

/* Reads the next line of the plan; NULL after the last. */
static const char *next_line(const char *at, struct line *line)
{
	int length = 0;
	if (sscanf(at, "%15s %zu %zu%n", line->name, &line->bytes, &line->calls, &length) != 3)
		return NULL;
	return at + length;
}

static const char *plan_of(const char *variable)
{
	const char *text = getenv(variable);
	if (text == NULL)
		plan_fail("scripts/bench invoke starts this program: its environment has no plan");
	return text;
}

size_t plan_largest(void)
{
	struct line line;
	size_t largest = 1;
	for (const char *at = plan_of("INVOKE_PLAN"); (at = next_line(at, &line)) != NULL;)
		if (line.bytes > largest)
			largest = line.bytes;
	return largest;
}

static size_t warm_calls(const struct line *line)
{
	return line->calls < MOST_WARM_CALLS ? line->calls : MOST_WARM_CALLS;
}

static void measure_line(const struct line *line, void (*call)(size_t bytes, void *context), void *context)
{
	double *us = calloc(line->calls, sizeof *us);
	if (us == NULL)
		plan_fail("there is no memory for the times");
	for (size_t at = 0; at < warm_calls(line); at++)
		call(line->bytes, context);
	double before = plan_now_us();
	for (size_t at = 0; at < line->calls; at++) {
		call(line->bytes, context);
		double after = plan_now_us();
		us[at] = after - before;
		before = after;
	}
	printf("{\"size\": \"%s\", \"tookUs\": [", line->name);
	for (size_t at = 0; at < line->calls; at++)
		printf("%s%.3f", at == 0 ? "" : ",", us[at]);
	puts("]}");
	free(us);
}

void plan_measure(void (*call)(size_t bytes, void *context), void *context)
{
	struct line line;
	for (const char *at = plan_of("INVOKE_PLAN"); (at = next_line(at, &line)) != NULL;)
		measure_line(&line, call, context);
}

void plan_answer(void (*answer)(size_t bytes, void *context), void *context)
{
	struct line line;
	for (const char *at = plan_of("INVOKE_PLAN"); (at = next_line(at, &line)) != NULL;)
		for (size_t call = 0; call < warm_calls(&line) + line.calls; call++)
			answer(line.bytes, context);
}

void plan_burst(size_t *at_once, size_t *calls)
{
	*at_once = strtoul(plan_of("INVOKE_IN_FLIGHT"), NULL, 10);
	*calls = *at_once == 0 ? 0 : strtoul(plan_of("INVOKE_BURST"), NULL, 10);
}

void plan_say_burst(size_t at_once, size_t calls, double took_us)
{
	printf("{\"inFlight\": %zu, \"callsPerS\": %.0f}\n", at_once, (double)calls / took_us * 1e6);
}

double plan_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

void plan_run_on_server_cpu(void)
{
	const char *cpu = getenv("SERVER_CPU");
	cpu_set_t cores;
	if (cpu == NULL)
		return;
	CPU_ZERO(&cores);
	CPU_SET(strtoul(cpu, NULL, 10), &cores);
	if (sched_setaffinity(0, sizeof cores, &cores) != 0)
		plan_fail("the server's core is not there: the benchmark needs two");
}
