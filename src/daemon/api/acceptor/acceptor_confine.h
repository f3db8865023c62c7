// Gives up every right that the program does not need.
#pragma once

/** Returns NULL, or what failed, with errno. */
const char *confine(void);
