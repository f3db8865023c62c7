/* Exchanges one line with the executor's socket, with a deadline. */
#ifndef GLEAN_HOOK_TALK_H
#define GLEAN_HOOK_TALK_H

#include <stdint.h>

#include "hook_core.h"

enum talk {
	TALK_ANSWERED, /* `answer` holds a line without its newline, not yet checked */
	TALK_NO_ANSWER, /* somebody listens, but sent no complete line in time */
	TALK_NOBODY,	/* no socket, or nobody listens */
};

/* `folder` is the node's folder, `line` ends with a newline. */
enum talk hook_talk(int folder, const char *line, char answer[HOOK_LINE_MAX], uint64_t deadline_ns);

#endif
