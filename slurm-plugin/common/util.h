/* Helpers that all parts of the two programs share: the clock, numbers, small files. */
#ifndef GLEAN_UTIL_H
#define GLEAN_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLEAN_VERSION "0.2.0"
#define NS_PER_MS 1000000ull

/* CLOCK_MONOTONIC in nanoseconds: the only clock of both programs. */
uint64_t clock_ns(void);

/* Milliseconds from now to `deadline_ns`, rounded up; 0 if it has passed. Suitable for poll(2). */
int ms_until(uint64_t deadline_ns);

/* Parses a string of decimal digits only, without sign and spaces, within min..max. */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Like parse_number, with an optional '-' and a range that fits into an int. */
bool parse_signed(const char *text, int min, int max, int *out);

/* snprintf that returns whether the text fitted. */
__attribute__((format(printf, 3, 4))) bool format(char *out, size_t size, const char *text, ...);

/* Reads a whole small file below `dir` (or AT_FDCWD) as a string. False if it cannot be read or
 * does not fit. */
bool read_text(int dir, const char *path, char *out, size_t size);

/* `/sys/fs/cgroup/…/<leaf>` without any `..`: the only files of that tree that this program opens
 * for writing. */
bool is_cgroup_file(const char *path, const char *leaf);

#endif
