/* Finds a node's place in a Slurm host list such as n[1-3,7],gpu[01-04], without storing the list.
 */
#include "hostlist.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

enum walk { WALK_ON, WALK_FOUND, WALK_BAD };

struct walker {
	const char *node;
	uint64_t deadline_ns;
	long index;
	char name[HOSTLIST_MAX_NAME + 1];
};

/* The bounds of one range inside brackets; `width` is the zero padding. */
struct range {
	uint64_t low, high;
	int width;
};

static enum walk visit(struct walker *walker, size_t length)
{
	walker->name[length] = '\0';
	if (length == 0)
		return WALK_BAD;
	if (strcmp(walker->name, walker->node) == 0)
		return WALK_FOUND;
	walker->index++;
	if (walker->index >= HOSTLIST_MAX_HOSTS)
		return WALK_BAD;
	if (walker->index % 1024 == 0 && clock_ns() >= walker->deadline_ns)
		return WALK_BAD;
	return WALK_ON;
}

static const char *read_digits(const char *at, uint64_t *value, int *width)
{
	*value = 0;
	*width = 0;
	for (; *at >= '0' && *at <= '9'; at++, (*width)++) {
		if (*width == 9)
			return NULL;
		*value = *value * 10 + (uint64_t)(*at - '0');
	}
	return *width == 0 ? NULL : at;
}

/* Reads `7` or `01-04`; returns what follows, which is `,` or `]`. */
static const char *read_range(const char *at, struct range *range)
{
	int high_width;
	at = read_digits(at, &range->low, &range->width);
	if (at == NULL)
		return NULL;
	range->high = range->low;
	if (*at == '-') {
		at = read_digits(at + 1, &range->high, &high_width);
		if (at == NULL || range->high < range->low)
			return NULL;
	}
	return *at == ',' || *at == ']' ? at : NULL;
}

/* Visits all hosts of one item (`rest` up to `end`); the first `length` bytes of their names are
 * already made. */
static enum walk expand(struct walker *walker, size_t length, const char *rest, const char *end)
{
	for (; rest < end && *rest != '['; rest++) {
		if (length >= HOSTLIST_MAX_NAME || *rest == ']')
			return WALK_BAD;
		walker->name[length++] = *rest;
	}
	if (rest == end)
		return visit(walker, length);
	const char *tail = memchr(rest, ']', (size_t)(end - rest));
	if (tail == NULL)
		return WALK_BAD;
	do {
		struct range range;
		rest = read_range(rest + 1, &range);
		if (rest == NULL)
			return WALK_BAD;
		for (uint64_t number = range.low; number <= range.high; number++) {
			size_t room = sizeof walker->name - length;
			if (!format(walker->name + length, room, "%0*llu", range.width,
				    (unsigned long long)number))
				return WALK_BAD;
			enum walk step =
			    expand(walker, length + strlen(walker->name + length), tail + 1, end);
			if (step != WALK_ON)
				return step;
		}
	} while (*rest == ',');
	return WALK_ON;
}

/* The end of the item at `at`: the next comma outside brackets, or the end of the list. */
static const char *item_end(const char *at)
{
	bool inside = false;
	for (; *at != '\0' && (inside || *at != ','); at++) {
		if (*at == '[')
			inside = true;
		else if (*at == ']')
			inside = false;
	}
	return at;
}

long hostlist_index(const char *list, const char *node, uint64_t deadline_ns)
{
	struct walker walker = {.node = node, .deadline_ns = deadline_ns};
	for (;;) {
		const char *end = item_end(list);
		enum walk step = expand(&walker, 0, list, end);
		if (step != WALK_ON)
			return step == WALK_FOUND ? walker.index : -1;
		if (*end == '\0')
			return -1;
		list = end + 1;
	}
}
