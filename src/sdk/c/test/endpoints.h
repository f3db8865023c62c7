/* Reads where workers serve from standard input. */
#ifndef GLEANER_TEST_ENDPOINTS_H
#define GLEANER_TEST_ENDPOINTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gleaner.h"

static inline char *line(void)
{
	static char lines[24][256];
	static size_t count;
	char *text = lines[count];
	if (count == 24 || fgets(text, sizeof lines[0], stdin) == NULL)
		return NULL;
	count++;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* Six lines for each. */
static inline size_t read_endpoints(gleaner_endpoint *endpoints, size_t most)
{
	size_t count = 0;
	for (char *worker; count < most && (worker = line()) != NULL; count++) {
		endpoints[count] = (gleaner_endpoint){ .worker = worker, .host = line() };
		endpoints[count].port = (uint16_t)atoi(line());
		endpoints[count].socket = line();
		endpoints[count].host_id = line();
		endpoints[count].key = line();
	}
	return count;
}

#endif
