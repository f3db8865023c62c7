/* Tests of the pure parts that no run of the programs reaches exactly: host lists, CPU and GPU
 * lists, both walks of the process tree, moving a process. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu_weight.h"
#include "hook_conf.h"
#include "hook_env.h"
#include "hostlist.h"
#include "proc_tree.h"
#include "util.h"

static int failures;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			failures++; \
			(void)printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
		} \
	} while (0)

static long place(const char *list, const char *node)
{
	return hostlist_index(list, node, clock_ns() + 5000 * NS_PER_MS);
}

static void test_hostlist(void)
{
	CHECK(place("n1", "n1") == 0);
	CHECK(place("n[1-2]", "n2") == 1);
	CHECK(place("n[1-3,7],gpu[01-04]", "n7") == 3);
	CHECK(place("n[1-3,7],gpu[01-04]", "gpu04") == 7);
	CHECK(place("n[1-3,7],gpu[01-04]", "gpu4") == -1);
	CHECK(place("n[8-11]", "n10") == 2);
	CHECK(place("n[08-11]", "n09") == 1);
	CHECK(place("a,b,c-d.e", "c-d.e") == 2);
	CHECK(place("r[1-2]n[1-3]", "r2n1") == 3);
	CHECK(place("n[1-2]x,m", "m") == 2);
	CHECK(place("n[0-65534]", "n65534") == 65534);
	CHECK(place("n[0-70000]", "n70000") == -1);
	CHECK(place("n[0-999999999]", "m") == -1);
	CHECK(hostlist_index("n[0-65534]", "n65534", 0) == -1);
	static const char *const bad[] = {"", ",", "n[", "n[]", "n[1-", "n[2-1],n1", "n[1", "n]1", "n[a-b]", "n[1-2-3]",
					  "n[[1-2]]", "n[1,]", "n[0000000001]"};
	for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++)
		CHECK(place(bad[at], "zz") == -1);
	char longest[200] = {0};
	memset(longest, 'n', sizeof longest - 1);
	CHECK(place(longest, "n") == -1);
}

static void test_cpus(void)
{
	CHECK(hook_env_cpus("5,1", 0, NULL, NULL) == 5);
	CHECK(hook_env_cpus("5,1", 1, NULL, NULL) == 1);
	CHECK(hook_env_cpus("4(x2),3", 1, NULL, NULL) == 4);
	CHECK(hook_env_cpus("4(x2),3", 2, NULL, NULL) == 3);
	CHECK(hook_env_cpus("4(x2),9,3", -1, NULL, NULL) == 9);
	CHECK(hook_env_cpus("4(x2),3", 7, NULL, NULL) == 4);
	CHECK(hook_env_cpus("16", 0, NULL, NULL) == 16);
	CHECK(hook_env_cpus("4(x2),3", 2, "11", "0") == 3);
	CHECK(hook_env_cpus("4(x2),3", 2, "12", "0") == 0);
	CHECK(hook_env_cpus("4(x2),3", 2, "x", NULL) == 0);
	CHECK(hook_env_cpus("6", 0, "1", "1") == 0);
	CHECK(hook_env_cpus("6", 0, NULL, "") == 0);
	CHECK(hook_env_cpus(NULL, 0, NULL, NULL) == 0);
	static const char *const bad[] = {"", ",", "4,", "4(x", "4(x2", "4(2)", "x", "-1", "70000", "4(x0)", "0", "4(x2)3"};
	for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++)
		CHECK(hook_env_cpus(bad[at], 0, NULL, NULL) == 0);
}

static void test_gpus(void)
{
	static const char *const cases[][2] = {
	    {"0,1", "0,1"}, {"3,1", "1,3"}, {"0-3", "0,1,2,3"}, {"", "-"},  {"5", "5"},	   {"64", "*"},
	    {"a", "*"},	    {"1,", "*"},    {"2-1", "*"},	{"-", "*"}, {"1,1", "1"},
	};
	char out[HOOK_MAX_GPUS * 3];
	for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
		hook_env_gpus(cases[at][0], out, sizeof out);
		CHECK(strcmp(out, cases[at][1]) == 0);
	}
	hook_env_gpus(NULL, out, sizeof out);
	CHECK(strcmp(out, "-") == 0);
	hook_env_gpus("0-63", out, sizeof out);
	CHECK(strlen(out) == 10 * 2 + 54 * 3 - 1);
}

static void test_conf(void)
{
	struct hook_settings settings;
	hook_conf_defaults(&settings);
	CHECK(strcmp(settings.run_dir, "/run/gleaner") == 0 && settings.answer_ms == 100);
	CHECK(hook_conf_set(&settings, "wake", "127.0.0.1:6820"));
	CHECK(settings.wake.ss_family == AF_INET && settings.wake_length == sizeof(struct sockaddr_in));
	CHECK(hook_conf_set(&settings, "wake", "[::1]:6820"));
	CHECK(settings.wake.ss_family == AF_INET6 && settings.wake_length == sizeof(struct sockaddr_in6));
	static const char *const bad[][2] = {
	    {"wake", "localhost:1"}, {"wake", "127.0.0.1"}, {"wake", "127.0.0.1:0"}, {"wake", "[::1:5"}, {"wake", "[:5"},
	    {"wake", "::1:5"},	     {"runDir", "run"},	    {"answerMs", "0"},	     {"answerMs", "x"},	 {"deadlineMs", "99999"},
	    {"other", "1"},
	};
	for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++)
		CHECK(!hook_conf_set(&settings, bad[at][0], bad[at][1]));
}

static bool has_pid(const struct proc_list *list, pid_t pid)
{
	for (size_t at = 0; at < list->count; at++) {
		if (list->items[at].pid == pid)
			return true;
	}
	return false;
}

/* A child and a grandchild that wait to be killed; the pipe brings the grandchild's pid. */
static void test_tree(void)
{
	static struct proc_list list;
	int ends[2];
	CHECK(pipe(ends) == 0);
	pid_t grandchild = 0, child = fork();
	if (child == 0) {
		pid_t inner = fork();
		if (inner == 0)
			for (;;)
				(void)pause();
		if (write(ends[1], &inner, sizeof inner) != (ssize_t)sizeof inner)
			_exit(1);
		for (;;)
			(void)pause();
	}
	CHECK(read(ends[0], &grandchild, sizeof grandchild) == (ssize_t)sizeof grandchild);
	bool has_children = proc_tree_by_children(&list, getpid());
	CHECK(!has_children || (list.count == 2 && has_pid(&list, child) && has_pid(&list, grandchild)));
	proc_tree_by_scan(&list, getpid());
	CHECK(list.count == 2 && has_pid(&list, child) && has_pid(&list, grandchild));
	struct proc wrong = list.items[0];
	wrong.start_ticks++;
	CHECK(proc_is_alive(&list.items[0]) && !proc_is_alive(&wrong) && !proc_signal(&wrong, SIGKILL));
	for (size_t at = 0; at < list.count; at++)
		CHECK(proc_signal(&list.items[at], SIGKILL));
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(!proc_is_alive(&(struct proc){.pid = child, .start_ticks = 1}));
}

/* A running process is moved to another processor and may still use all; if there is only one,
 * nothing happens to it. */
static void test_move(void)
{
	cpu_set_t before, after;
	struct proc_info info, moved;
	pid_t child = fork();
	if (child == 0)
		for (;;)
			(void)pause();
	CHECK(sched_getaffinity(child, sizeof before, &before) == 0 && proc_read(child, &info));
	CHECK(info.cpu >= 0 && CPU_ISSET((size_t)info.cpu, &before));
	cpu_weight_move(child);
	CHECK(sched_getaffinity(child, sizeof after, &after) == 0 && CPU_EQUAL(&before, &after));
	CHECK(proc_read(child, &moved) && CPU_ISSET((size_t)moved.cpu, &before));
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

int main(void)
{
	test_hostlist();
	test_cpus();
	test_gpus();
	test_conf();
	test_tree();
	test_move();
	(void)printf(failures == 0 ? "selftest: all passed\n" : "selftest: %d failed\n", failures);
	return failures == 0 ? 0 : 1;
}
