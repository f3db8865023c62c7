/* glean-prolog and glean-epilog: Slurm's node Prolog and Epilog, which never fail, and
 * `glean-prolog --probe`.
 *
 * As Prolog or Epilog it always exits with 0, because Slurm drains a node whose prolog fails. Three
 * layers catch failures: every result is checked, a timer ends the process at the deadline, and a
 * crash ends it with 0, too. `--probe` exits with 0 and prints `here <executorId>` if the executor
 * of $SLURMD_NODENAME answers, else with 1 and one sentence. `--probe PLUGIN [ARGUMENT…]` does so
 * with the settings that the plugin at this path has with these arguments. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "hook_conf.h"
#include "hook_core.h"
#include "hook_env.h"
#include "hook_run.h"
#include "util.h"

enum mode { MODE_NONE, MODE_PROLOG, MODE_EPILOG, MODE_PROBE, MODE_VERSION };

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static enum mode choose_mode(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return MODE_VERSION;
	if (argc >= 2 && strcmp(argv[1], "--probe") == 0)
		return MODE_PROBE;
	const char *context = getenv("SLURM_SCRIPT_CONTEXT");
	if (context != NULL) {
		if (strcmp(context, "prolog_slurmd") == 0)
			return MODE_PROLOG;
		return strcmp(context, "epilog_slurmd") == 0 ? MODE_EPILOG : MODE_NONE;
	}
	if (argc > 0 && ends_with(argv[0], "prolog"))
		return MODE_PROLOG;
	return argc > 0 && ends_with(argv[0], "epilog") ? MODE_EPILOG : MODE_NONE;
}

static int probe(const struct hook_settings *settings, struct hook_input *input)
{
	char answer[HOOK_LINE_MAX];
	if (!hook_env_node(input)) {
		(void)fprintf(stderr, "glean-prolog: set SLURMD_NODENAME to the name of this node to probe its "
				      "executor.\n");
		return 1;
	}
	if (!hook_probe(settings, input, answer)) {
		(void)fprintf(stderr,
			      "glean-prolog: no executor answers at %s/%s/hook.sock; check whether one is started "
			      "there.\n",
			      settings->run_dir, input->node);
		return 1;
	}
	return printf("%s\n", answer) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

static void load_settings(struct hook_settings *settings)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	program[length < 0 ? 0 : length] = '\0';
	hook_conf_load(settings, program);
}

int main(int argc, char **argv)
{
	struct hook_settings settings;
	struct hook_input input = {.start_ns = clock_ns()};
	enum mode mode = choose_mode(argc, argv);
	if (mode == MODE_PROLOG)
		hook_run_first();
	hook_run_guard(mode == MODE_PROBE ? 1 : 0);
	hook_run_arm(input.start_ns, HOOK_DEFAULT_DEADLINE_MS);
	if (mode == MODE_VERSION)
		return printf("glean-hook %s\n", GLEAN_VERSION) < 0 ? 1 : 0;
	if (mode == MODE_NONE)
		return 0;
	openlog("glean-hook", LOG_PID, LOG_DAEMON);
	if (mode == MODE_PROBE && argc > 2)
		hook_conf_load_plugin(&settings, argv[2], argc - 3, argv + 3);
	else
		load_settings(&settings);
	hook_run_arm(input.start_ns, settings.deadline_ms);
	if (mode == MODE_PROBE)
		return probe(&settings, &input);
	hook_run_job(mode == MODE_PROLOG, &settings, &input);
	return 0;
}
