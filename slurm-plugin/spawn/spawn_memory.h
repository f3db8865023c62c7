/* Bytes of a request as a file in memory, which only the command's user can reach. */
#ifndef GLEAN_SPAWN_MEMORY_H
#define GLEAN_SPAWN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Returns a descriptor at the start of the file, sealed and closed at exec, or -1 with errno.
 * `flags` are for memfd_create. */
int spawn_memory_make(const char *name, unsigned flags, const uint8_t *bytes, size_t length, mode_t mode);

/* Writes all bytes, or returns false with errno. */
bool spawn_memory_write(int fd, const uint8_t *at, size_t left);

#endif
