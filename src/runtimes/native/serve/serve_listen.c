/* Where a worker listens: TCP, on any port or on one of a range, and an abstract unix socket. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve_state.h"
#include "sockets.h"

#define BACKLOG 256
/* More than there are unproven clients. */
#define ORIGINS 512

static const char any_port[] = "0";

/* The listeners of the last lease; there are none while `port` is 0. */
static struct {
	int tcp, local;
	uint16_t port;
	char socket[SOCKET_NAME_BYTES];
} kept;

static int bound(int family, uint16_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int off = 0, on = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	bool is_six = family == AF_INET6;
	bool is_bound = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
			(!is_six || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) &&
			(is_six ? bind(fd, (struct sockaddr *)&six, sizeof six)
				: bind(fd, (struct sockaddr *)&four, sizeof four)) == 0 &&
			listen(fd, BACKLOG) == 0;
	if (is_bound)
		return fd;
	close(fd);
	return -1;
}

/* Both families, or the older one where there is only that. */
static int bound_to(uint16_t port)
{
	int fd = bound(AF_INET6, port);
	return fd >= 0 || errno == EADDRINUSE ? fd : bound(AF_INET, port);
}

/* From a random one on, so that the workers of a node seldom try the same. */
static int bound_within(const char *ports)
{
	unsigned first, last;
	uint32_t start;
	if (strcmp(ports, any_port) == 0)
		return bound_to(0);
	if (sscanf(ports, "%5u-%5u", &first, &last) != 2 || first < 1 || last < first || last > UINT16_MAX ||
	    getrandom(&start, sizeof start, 0) != (ssize_t)sizeof start)
		return -1;
	const unsigned count = last - first + 1;
	int fd = -1;
	for (unsigned tried = 0; tried < count && fd < 0; tried++)
		fd = bound_to((uint16_t)(first + (start % count + tried) % count));
	return fd;
}

/* A name as long as an address may be: some clients fill shorter ones up with zeros. */
static int bound_here(char name[SOCKET_NAME_BYTES])
{
	uint8_t random[50];
	char hex[2 * sizeof random + 1];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return -1;
	hex_of(hex, random, sizeof random);
	snprintf(name, SOCKET_NAME_BYTES, "gleaner%s", hex);
	memcpy(address.sun_path + 1, name, sizeof address.sun_path - 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool watch(const struct server *server, const int *listener)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = (void *)listener };
	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, *listener, &event) == 0;
}

/* Where a descriptor listens; false if it does not. */
static bool listens(int fd, struct sockaddr_storage *address, socklen_t *size)
{
	int is_listening = 0;
	socklen_t length = sizeof is_listening;
	*size = sizeof *address;
	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) == 0 && is_listening != 0 &&
	       getsockname(fd, (struct sockaddr *)address, size) == 0;
}

/* The port at which a descriptor listens, which stands at the same place in both families; 0 if it
 * does not. */
static uint16_t port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t size;
	bool is_internet = listens(fd, &address, &size) &&
			   (address.ss_family == AF_INET || address.ss_family == AF_INET6);
	return is_internet ? ntohs(((struct sockaddr_in *)&address)->sin_port) : 0;
}

static bool has_name(int fd, const char *name)
{
	struct sockaddr_storage address;
	socklen_t size;
	return listens(fd, &address, &size) && address.ss_family == AF_UNIX && size == sizeof(struct sockaddr_un) &&
	       memcmp(((struct sockaddr_un *)&address)->sun_path + 1, name, SOCKET_NAME_BYTES - 1) == 0;
}

/* What the last lease has left, less what a function has closed: its number may be another file's
 * by now. */
static void take_kept(struct server *server)
{
	if (kept.port != 0 && port_of(kept.tcp) == kept.port)
		server->tcp = kept.tcp;
	if (kept.port != 0 && has_name(kept.local, kept.socket)) {
		server->local = kept.local;
		memcpy(server->socket, kept.socket, sizeof server->socket);
	}
	kept.port = 0;
}

bool serve_listen(struct server *server, const char *ports)
{
	take_kept(server);
	/* A range has too few for workers that wait. */
	server->keeps_listeners = strcmp(ports, any_port) == 0;
	if (!server->keeps_listeners)
		serve_close_listeners(server);
	if (server->tcp < 0)
		server->tcp = bound_within(ports);
	if (server->local < 0)
		server->local = bound_here(server->socket);
	server->port = port_of(server->tcp);
	return server->port != 0 && server->local >= 0 && watch(server, &server->tcp) && watch(server, &server->local);
}

void serve_close_listeners(struct server *server)
{
	if (server->tcp >= 0)
		close(server->tcp);
	if (server->local >= 0)
		close(server->local);
	server->tcp = server->local = -1;
}

/* Those who came too late must not wait for the next lease. */
static void refuse_waiting(int listener)
{
	for (int count = 0, fd; count < BACKLOG && (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0; count++)
		close(fd);
}

void serve_leave_listeners(struct server *server)
{
	bool is_left = server->keeps_listeners && !server->is_broken &&
		       epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->tcp, NULL) == 0 &&
		       epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->local, NULL) == 0;
	if (!is_left) {
		serve_close_listeners(server);
		return;
	}
	refuse_waiting(server->tcp);
	refuse_waiting(server->local);
	kept.tcp = server->tcp;
	kept.local = server->local;
	kept.port = server->port;
	memcpy(kept.socket, server->socket, sizeof kept.socket);
	server->tcp = server->local = -1;
}

static bool is_own_user(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

/* The host that a client comes from: an address of IPv4, or the network of one of IPv6, which may
 * be all one host's. 0 over the unix socket. */
static uint64_t origin_of(const struct sockaddr_storage *address)
{
	uint64_t network = 0;
	uint32_t host;
	const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (address->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(six)) {
		memcpy(&network, six->s6_addr, sizeof network);
		return network;
	}
	if (address->ss_family == AF_INET6)
		memcpy(&host, six->s6_addr + 12, sizeof host);
	else if (address->ss_family == AF_INET)
		host = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
	else
		return 0;
	return (uint64_t)host << 32 | 1;
}

static bool is_unproven(const struct client *client)
{
	return client->state == AWAITS_HELLO || client->state == AWAITS_PROOF;
}

/* The oldest of the origin that has the most, which keeps nobody from elsewhere away. */
static void close_oldest_unproven(struct server *server)
{
	uint64_t origins[ORIGINS];
	uint16_t counts[ORIGINS] = { 0 };
	struct client *oldest = NULL;
	unsigned most = 0;
	/* The newest is the first of the list. */
	for (struct client *each = server->clients; each != NULL; each = each->next) {
		if (!is_unproven(each))
			continue;
		size_t at = (each->origin ^ each->origin >> 32) % ORIGINS;
		while (counts[at] > 0 && origins[at] != each->origin)
			at = (at + 1) % ORIGINS;
		origins[at] = each->origin;
		if (++counts[at] >= most) {
			most = counts[at];
			oldest = each;
		}
	}
	if (oldest != NULL)
		client_close(server, oldest);
}

void serve_pause(struct server *server, bool is_full)
{
	int *const listeners[] = { &server->tcp, &server->local };
	server->is_full_of_files = is_full;
	for (size_t at = 0; at < 2; at++) {
		struct epoll_event event = { .events = is_full ? 0 : EPOLLIN, .data.ptr = listeners[at] };
		if (*listeners[at] >= 0 && epoll_ctl(server->epoll, EPOLL_CTL_MOD, *listeners[at], &event) != 0)
			server->is_broken = true;
	}
}

void serve_accept(struct server *server, int listener)
{
	struct sockaddr_storage from = { 0 };
	socklen_t size = sizeof from;
	int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		bool is_full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
		if (is_full) {
			close_oldest_unproven(server);
			serve_pause(server, true);
		}
		return;
	}
	bool is_local = listener == server->local;
	struct client *client = is_local && !is_own_user(fd) ? NULL : calloc(1, sizeof *client);
	struct epoll_event event = { .events = AWAITS_INPUT, .data.ptr = client };
	if (client == NULL || epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		free(client);
		close(fd);
		return;
	}
	if (!is_local)
		socket_tune(fd);
	client->fd = fd;
	client->origin = origin_of(&from);
	client->may_pass = is_local;
	client->events = AWAITS_INPUT;
	client->came_ms = now_ms();
	client->passed = -1;
	client->next = server->clients;
	server->clients = client;
	server->unproven++;
	if (server->unproven > MAX_UNPROVEN)
		close_oldest_unproven(server);
}
