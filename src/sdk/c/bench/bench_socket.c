/* A bare ping-pong over a socket. */
#include <errno.h>
#include <sys/socket.h>

#include "bench.h"

bool read_all(int fd, void *data, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t got = recv(fd, (char *)data + done, bytes - done, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

bool write_all(int fd, const void *data, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t sent = send(fd, (const char *)data + done, bytes - done, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		done += (size_t)sent;
	}
	return true;
}

bool socket_ping(int fd, uint8_t *buffer, size_t bytes)
{
	return write_all(fd, buffer, bytes) && read_all(fd, buffer, bytes);
}

void socket_echo(int fd, uint8_t *buffer)
{
	struct round round;
	while (read_all(fd, &round, sizeof round) && round.bytes <= LARGEST)
		for (uint32_t at = 0; at < round.count; at++)
			if (!read_all(fd, buffer, round.bytes) || !write_all(fd, buffer, round.bytes))
				return;
}
