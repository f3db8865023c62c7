/* Reads hook.conf: `key=value` lines with the keys runDir, answerMs, deadlineMs and wake. */
#ifndef GLEAN_HOOK_CONF_H
#define GLEAN_HOOK_CONF_H

#include "hook_core.h"

#define HOOK_DEFAULT_RUN_DIR "/run/gleaner"
/* a job does not notice this: its first task begins ~115 ms after the prolog */
#define HOOK_DEFAULT_ANSWER_MS 100
/* long enough to kill a stuck tree, short enough not to make the node suspect */
#define HOOK_DEFAULT_DEADLINE_MS 2000

/* Looks beside `program`, which is a path, then in /etc/gleaner; ignores a file that others can
 * write to. Uses the defaults if there is none. */
void hook_conf_load(struct hook_settings *settings, const char *program);

/* For the plugin, which is a path, with its arguments in plugstack.conf: `conf=/path` names the
 * only file, else as above. */
void hook_conf_load_plugin(struct hook_settings *settings, const char *plugin, int count, char **arguments);

void hook_conf_defaults(struct hook_settings *settings);

/* Parses the lines of a file, which the log calls `path`; unusable ones are logged and ignored.
 * Changes `text`. */
void hook_conf_parse(struct hook_settings *settings, char *text, const char *path);

/* Sets one key. False if its value is unusable (the setting keeps its value) or the key is unknown.
 */
bool hook_conf_set(struct hook_settings *settings, const char *key, const char *value);

#endif
