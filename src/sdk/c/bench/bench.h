/* `glean lease --bench` is a program, which calls a worker, and the function that the worker runs.
 * The function returns its input, and on an order serves a bare ping-pong within a call, so
 * that a transport is timed with and without Gleaner between the same two processes. */
#ifndef GLEANER_BENCH_H
#define GLEANER_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LARGEST (1u << 20)
#define ACCEPT_MS 5000

/* Answered with a port, or the name of an abstract socket. */
#define ORDER_TCP "gleaner-bench-1|open tcp"
#define ORDER_UNIX "gleaner-bench-1|open unix"
/* Answered once the client has closed its connection; a provider of libfabric may follow. */
#define ORDER_SERVE "gleaner-bench-1|serve "

/* The client says over the connection how many messages of which size come next. */
struct round {
	uint32_t bytes, count;
};

/* bench_socket.c */
bool read_all(int fd, void *data, size_t bytes);
bool write_all(int fd, const void *data, size_t bytes);
/* Returns what comes, until the connection ends. */
void socket_echo(int fd, uint8_t *buffer);
/* Sends and gets back; false if the connection is broken. */
bool socket_ping(int fd, uint8_t *buffer, size_t bytes);

/* bench_ofi.c, or bench_ofi_absent.c without libfabric: the same with a bare endpoint, whose
 * address travels over the connection. */
struct bare;
/* For messages of at most `largest` bytes; NULL, and why, if there is none. */
struct bare *bare_open(const char *provider, int fd, size_t largest, char *problem);
void bare_echo(struct bare *bare, int fd);
bool bare_ping(struct bare *bare, size_t bytes);
bool bare_pong(struct bare *bare, size_t bytes);
/* Until the last message is sent. */
bool bare_flush(struct bare *bare);
void bare_close(struct bare *bare);

#endif
