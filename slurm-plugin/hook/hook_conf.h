/* Reads hook.conf: `key=value` lines with the keys runDir, answerMs, deadlineMs and wake. */
#ifndef GLEAN_HOOK_CONF_H
#define GLEAN_HOOK_CONF_H

#include "hook_core.h"

#define HOOK_DEFAULT_RUN_DIR "/run/gleaner"
#define HOOK_DEFAULT_ANSWER_MS 100    /* what a job does not notice: its first task begins ~115 ms after the prolog */
#define HOOK_DEFAULT_DEADLINE_MS 2000 /* long enough to kill a stuck tree, short enough that nobody suspects the node */

/* Looks beside `program`, a path, then in /etc/gleaner; a file that others may write to is passed over. Without any: the defaults. */
void hook_conf_load(struct hook_settings *settings, const char *program);

/* As the plugin, a path, does with its arguments in plugstack.conf: `conf=/path` names the only file, else as above. */
void hook_conf_load_plugin(struct hook_settings *settings, const char *plugin, int count, char **arguments);

void hook_conf_defaults(struct hook_settings *settings);

/* Takes the lines of a file, `path` in the log; what cannot be used is logged and left out. Changes `text`. */
void hook_conf_parse(struct hook_settings *settings, char *text, const char *path);

/* Takes one key. False when its value cannot be used (the setting keeps its value) or the key is not known. */
bool hook_conf_set(struct hook_settings *settings, const char *key, const char *value);

#endif
