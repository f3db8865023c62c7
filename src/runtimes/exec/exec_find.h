/* Finds the program of a bundle. */
#ifndef GLEANER_EXEC_FIND_H
#define GLEANER_EXEC_FIND_H

#include <stdbool.h>
#include <stddef.h>

/* `handler` is a path below the bundle's folder; if NULL, the program `handler`, or the folder's
 * only program. Returns false and a sentence in `problem` if there is none. */
bool find_program(const char *directory, const char *handler, char *path, size_t path_size, char *problem,
		  size_t problem_size);

#endif
