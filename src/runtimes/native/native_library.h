/* Loads a function from a shared library of a bundle. */
#ifndef GLEANER_NATIVE_LIBRARY_H
#define GLEANER_NATIVE_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* As rFaaS has it: reads `size` bytes of `in`, writes to `out` and returns how many. */
typedef uint32_t native_function(const void *in, uint32_t size, void *out);

/* `handler` is FILE.so:SYMBOL; if NULL, the only library and its symbol `handler`. Returns NULL and
 * a sentence in `problem` if it cannot be loaded. */
native_function *native_load(const char *directory, const char *handler, char *problem, size_t size);

#endif
