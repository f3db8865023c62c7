/* Helpers that all parts of the two programs share: the clock, numbers, small files. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t clock_ns(void)
{
	struct timespec now;
	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return 0; /* cannot happen on Linux */
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

int ms_until(uint64_t deadline_ns)
{
	uint64_t now = clock_ns();
	if (now >= deadline_ns)
		return 0;
	uint64_t left = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	size_t digits = 0;
	for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
		if (digits >= 19) /* any 19 digits fit 64 bits */
			return false;
		value = value * 10 + (uint64_t)(text[digits] - '0');
	}
	if (digits == 0 || text[digits] != '\0' || value < min || value > max)
		return false;
	*out = value;
	return true;
}

bool parse_signed(const char *text, int min, int max, int *out)
{
	bool negative = text[0] == '-';
	uint64_t size;
	if (!parse_number(negative ? text + 1 : text, 0, INT_MAX, &size))
		return false;
	int value = negative ? -(int)size : (int)size;
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

bool format(char *out, size_t size, const char *text, ...)
{
	va_list values;
	va_start(values, text);
	int length = vsnprintf(out, size, text, values);
	va_end(values);
	return length >= 0 && (size_t)length < size;
}

bool read_text(int dir, const char *path, char *out, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	size_t used = 0;
	ssize_t got;
	do {
		got = read(fd, out + used, size - used);
		if (got > 0)
			used += (size_t)got;
	} while ((got > 0 && used < size) || (got < 0 && errno == EINTR));
	(void)close(fd); /* only read: nothing can be lost */
	if (got < 0 || used == size)
		return false;
	out[used] = '\0';
	return true;
}

bool is_cgroup_file(const char *path, const char *leaf)
{
	static const char root[] = "/sys/fs/cgroup/";
	size_t length = strlen(path), leaf_length = strlen(leaf);
	if (strncmp(path, root, sizeof root - 1) != 0 || strstr(path, "..") != NULL)
		return false;
	return length > leaf_length + sizeof root - 1 && path[length - leaf_length - 1] == '/' &&
	       strcmp(path + length - leaf_length, leaf) == 0;
}
