/* The last step of a start: the script in memory, the search in PATH, execve, and why it failed. */
#ifndef GLEAN_SPAWN_EXEC_H
#define GLEAN_SPAWN_EXEC_H

#include "spawn_request.h"

/* The descriptor that a script is executed from, so that no file of it is left anywhere. */
#define SPAWN_SCRIPT_FD 3

/* Puts the script into memory as the user and leaves it at SPAWN_SCRIPT_FD, sealed. */
bool spawn_exec_make_script(const struct spawn_request *request, struct failure *failure);

/* Signals as a program expects them, then the command. Returns only when it could not be executed: false. */
bool spawn_exec(const struct spawn_request *request, struct failure *failure);

#endif
