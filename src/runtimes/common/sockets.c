/* The options of the sockets between clients and leased workers. */
#include "sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

void socket_tune(int fd)
{
	const struct { int level, name, value; } options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },   { SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 1 },  { IPPROTO_TCP, TCP_KEEPINTVL, 1 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 5 },   { IPPROTO_TCP, TCP_USER_TIMEOUT, 5000 },
	};
	for (size_t at = 0; at < sizeof options / sizeof *options; at++)
		/* The connection works without, only slower. */
		(void)setsockopt(fd, options[at].level, options[at].name, &options[at].value, sizeof options[at].value);
}
