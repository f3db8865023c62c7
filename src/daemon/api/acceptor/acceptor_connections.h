// The connections that are accepted and not passed on yet: those whose heads still arrive, in the
// order in which they came, and those that wait for gleanerd, each source's in turn.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection {
  int fd;
  /** When its head is late, on the monotonic clock. */
  uint64_t deadline_ms;
  /** A hash of the address that it comes from. */
  uint64_t address;
  struct queue *in;
  struct connection *previous, *next;
};

/** Those in the order of their arrival. */
struct queue {
  struct connection *first, *last;
  size_t length;
};

/** Returns NULL without memory. It is among those whose heads arrive. */
struct connection *connections_add(int fd, uint64_t address, uint64_t deadline_ms);

/** Its head has arrived: it waits for its turn, which it shares with others of `source`. */
void connections_ready(struct connection *connection, bool has_token, uint64_t source);

/** The oldest of those whose heads arrive; NULL if there are none. */
struct connection *connections_oldest(void);

/** Whose turn it is among those that wait for gleanerd; NULL if none waits. */
struct connection *connections_next(void);

/**
 * Which one to refuse when there are too many: the oldest without a head, if it is late before
 * `deadline_ms`; or else the newest of the longest queue. NULL if there are none.
 */
struct connection *connections_superfluous(uint64_t deadline_ms);

bool connections_is_ready(const struct connection *connection);

/** Closes it here and forgets it. */
void connections_remove(struct connection *connection);

size_t connections_count(void);
