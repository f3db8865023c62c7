/* Opens the command's working directory, input and output, as the user. */
#ifndef GLEAN_SPAWN_FILES_H
#define GLEAN_SPAWN_FILES_H

#include "spawn_request.h"

bool spawn_files_open(const struct spawn_request *request, struct failure *failure);

#endif
