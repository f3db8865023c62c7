/* One run of a bundle's program: its process group, and the pipes of its standard streams. */
#ifndef GLEANER_EXEC_PROGRAM_H
#define GLEANER_EXEC_PROGRAM_H

#include <sys/types.h>

#include "frames.h"

struct program {
	/* Also of its group. */
	pid_t pid;
	/* Our ends, which do not block; -1 once closed. */
	int input, output, errors;
};

/* Starts it with an environment that says what the call is; returns an errno, or 0. */
int program_start(struct program *program, const char *path, const struct call_head *head);

/* Whether the process has ended; until program_finish its id stays its own. */
bool program_has_ended(const struct program *program);

/* Ends what is left of its group, closes the pipes and returns the status as waitpid(2) has it. */
int program_finish(struct program *program);

void program_close(int *descriptor);

#endif
