// Passes connections to gleanerd, over the channel that Node has to a program it starts
// (child_process, serialization "json"): a line for each message, with the descriptor beside it.
#pragma once

#include <stdbool.h>

enum passed { PASSED, PASSED_LATER, PARENT_GONE };

/** Whether gleanerd has taken enough of the last ones to get another. */
bool parent_has_room(void);

/** PASSED_LATER: nothing was sent, and the channel has to drain first. */
enum passed parent_pass(int channel, int fd);

/** Reads what gleanerd has acknowledged; false once it is gone. */
bool parent_read(int channel);
