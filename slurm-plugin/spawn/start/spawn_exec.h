/* The last step of a start: the script in memory, the search in PATH, execve, and why it failed. */
#ifndef GLEAN_SPAWN_EXEC_H
#define GLEAN_SPAWN_EXEC_H

#include "spawn_request.h"

/* The descriptor from which a script is executed that has no file. */
#define SPAWN_SCRIPT_FD 3

/* Puts the script into memory as the user and leaves it, sealed, at SPAWN_SCRIPT_FD. */
bool spawn_exec_make_script(const struct spawn_request *request, struct failure *failure);

/* The server begins with this: afterwards a command inherits only what we ignore ourselves. */
void spawn_exec_default_signals(void);

/* Resets signals to what a program expects, then executes the command. Returns only if that failed:
 * false. */
bool spawn_exec(const struct spawn_request *request, struct failure *failure);

#endif
