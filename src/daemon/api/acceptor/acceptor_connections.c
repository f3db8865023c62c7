// Keeps the connections. Requests with a token go first, so that nobody with a token waits behind
// strangers; strangers have every fourth turn, since everybody is one before their first token.
#include "acceptor_connections.h"

#include <stdlib.h>
#include <unistd.h>

/** Sources whose hashes agree in these bits share their turns. */
#define QUEUES 256
#define TURNS_BEFORE_A_STRANGER 3

struct waiting {
  struct queue queues[QUEUES];
  size_t count;
  /** The queue that had the last turn. */
  unsigned last;
};

static size_t arriving_count;
static struct queue arriving = {.count = &arriving_count};
static struct waiting with_token, strangers;
static unsigned turns_since_a_stranger;

static void append(struct queue *queue, size_t *count, struct connection *connection) {
  queue->count = count;
  connection->in = queue;
  connection->next = NULL;
  connection->previous = queue->last;
  if (queue->last == NULL) queue->first = connection;
  else queue->last->next = connection;
  queue->last = connection;
  ++*count;
}

static void detach(struct connection *connection) {
  struct queue *queue = connection->in;
  if (connection->previous == NULL) queue->first = connection->next;
  else connection->previous->next = connection->next;
  if (connection->next == NULL) queue->last = connection->previous;
  else connection->next->previous = connection->previous;
  --*queue->count;
}

struct connection *connections_add(int fd, uint64_t address, uint64_t deadline_ms) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) return NULL;
  connection->fd = fd;
  connection->address = address;
  connection->deadline_ms = deadline_ms;
  append(&arriving, &arriving_count, connection);
  return connection;
}

void connections_ready(struct connection *connection, bool has_token, uint64_t source) {
  struct waiting *waiting = has_token ? &with_token : &strangers;
  detach(connection);
  append(&waiting->queues[source % QUEUES], &waiting->count, connection);
}

struct connection *connections_oldest(void) { return arriving.first; }

bool connections_is_ready(const struct connection *connection) {
  return connection->in != &arriving;
}

struct connection *connections_next(void) {
  bool is_strangers = turns_since_a_stranger >= TURNS_BEFORE_A_STRANGER || with_token.count == 0;
  struct waiting *waiting = is_strangers && strangers.count > 0 ? &strangers : &with_token;
  if (waiting->count == 0) return NULL;
  turns_since_a_stranger = waiting == &strangers ? 0 : turns_since_a_stranger + 1;
  do waiting->last = (waiting->last + 1) % QUEUES;
  while (waiting->queues[waiting->last].first == NULL);
  return waiting->queues[waiting->last].first;
}

void connections_remove(struct connection *connection) {
  detach(connection);
  close(connection->fd);
  free(connection);
}

size_t connections_count(void) { return arriving_count + with_token.count + strangers.count; }
