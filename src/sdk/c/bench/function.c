/* The function: returns its input, or serves a bare ping-pong. */
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"
#include "ofi.h"
#include "proof.h"
#include "sockets.h"

#define MAX_ORDER_BYTES 128

/* Where it listens between two orders; -1 if it does not. */
static int listener = -1;

static bool is_order(const void *in, uint32_t size, const char *order)
{
	return size < MAX_ORDER_BYTES && size >= strlen(order) && memcmp(in, order, strlen(order)) == 0;
}

static uint32_t open_tcp(char *answer)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof address;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		return 0;
	return (uint32_t)sprintf(answer, "%u", ntohs(address.sin_port));
}

static uint32_t open_unix(char *answer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[SHA256_HEX];
	if (!nonce_make(name))
		return 0;
	memcpy(address.sun_path + 1, name, strlen(name));
	const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0)
		return 0;
	return (uint32_t)sprintf(answer, "%s", name);
}

static void serve(const char *provider)
{
	char problem[OFI_MAX_PROBLEM_BYTES];
	struct pollfd arrival = { listener, POLLIN, 0 };
	int fd = listener >= 0 && poll(&arrival, 1, ACCEPT_MS) == 1 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
	uint8_t *buffer = malloc(LARGEST);
	if (fd >= 0 && buffer != NULL && provider[0] == '\0') {
		socket_tune(fd);
		socket_echo(fd, buffer);
	} else if (fd >= 0 && buffer != NULL) {
		struct bare *bare = bare_open(provider, fd, LARGEST, problem);
		if (bare != NULL) {
			bare_echo(bare, fd);
			bare_close(bare);
		}
	}
	free(buffer);
	if (fd >= 0)
		close(fd);
}

uint32_t handler(const void *in, uint32_t size, void *out)
{
	char order[MAX_ORDER_BYTES] = "";
	const bool opens_tcp = is_order(in, size, ORDER_TCP), opens_unix = is_order(in, size, ORDER_UNIX);
	if (!opens_tcp && !opens_unix && !is_order(in, size, ORDER_SERVE)) {
		memcpy(out, in, size);
		return size;
	}
	if (!opens_tcp && !opens_unix) {
		memcpy(order, in, size);
		serve(order + strlen(ORDER_SERVE));
	}
	if (listener >= 0)
		close(listener);
	listener = -1;
	return opens_tcp ? open_tcp(out) : opens_unix ? open_unix(out) : 0;
}
