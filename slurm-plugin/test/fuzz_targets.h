/* The parsers that are fuzzed, with samples of what they accept. */
#ifndef GLEAN_FUZZ_TARGETS_H
#define GLEAN_FUZZ_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#define TARGETS 9

/* Whether a parser accepted the text, which is a block of its own, followed by a NUL. */
typedef bool parse(char *text, size_t length);

/* What the newlines of a sample become: themselves, sizes of records, or frames with ids. */
enum framing { PLAIN, RECORDS, FRAMES };

struct target {
	const char *name;
	parse *parse;
	enum framing framing;
	const char *samples[4];
	const char *words[20];
};

extern const struct target targets[TARGETS];

#endif
