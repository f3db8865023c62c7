/* Sends a signal that a user asks for to what an attempt runs. */
#ifndef GLEAN_SPAWN_SIGNAL_H
#define GLEAN_SPAWN_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "spawn_tree.h"

/* Which processes get it. The letters are those of the frame. */
enum signal_reach {
	REACH_MAIN = 'M',     /* the command itself, such as the shell of a script */
	REACH_STEPS = 'S',    /* what the command started by srun */
	REACH_CHILDREN = 'C', /* all that the command started */
	REACH_ALL = 'A',      /* the command and all that it started */
};

/* Packs the body of a FRAME_SIGNAL into what the server queues to a supervisor; 0 if it is
 * malformed. */
int spawn_signal_pack(const uint8_t *body);

void spawn_signal_send(const struct spawn_tree *tree, int packed);

#endif
