/* Makes sealed files in memory. */
#include "spawn_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool spawn_memory_write(int fd, const uint8_t *at, size_t left)
{
	while (left > 0) {
		ssize_t written = write(fd, at, left);
		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			at += written;
			left -= (size_t)written;
		}
	}
	return true;
}

int spawn_memory_make(const char *name, unsigned flags, const uint8_t *bytes, size_t length, mode_t mode)
{
	int fd = memfd_create(name, flags | MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (spawn_memory_write(fd, bytes, length) && fchmod(fd, mode) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}
