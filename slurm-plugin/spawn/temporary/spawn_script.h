/* A script as a file of its attempt, with the name that Slurm gives scripts. */
#ifndef GLEAN_SPAWN_SCRIPT_H
#define GLEAN_SPAWN_SCRIPT_H

#include "spawn_request.h"

/* Writes the script to NAME.job/slurm_script in the folder `base`, beside the command's NAME for
 * temporary files, and sets the request's script_path. Leaves it NULL if that cannot be, or if
 * nothing may be executed there: the script is put into memory then. */
void spawn_script_place(struct spawn_request *request, int base, const char *name);

/* Removes what spawn_script_place made. */
void spawn_script_remove(int base, const char *name);

/* Removes the folder `entry` with its script; false if it is no folder of a script. */
bool spawn_script_sweep(int base, const char *entry);

#endif
