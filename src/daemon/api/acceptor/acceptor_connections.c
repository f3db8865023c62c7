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
  /** The queue that had the last turn. */
  unsigned last;
};

static struct queue arriving;
static struct waiting with_token, strangers;
static unsigned turns_since_a_stranger;
static size_t count;

static void append(struct queue *queue, struct connection *connection) {
  connection->in = queue;
  connection->next = NULL;
  connection->previous = queue->last;
  if (queue->last == NULL) queue->first = connection;
  else queue->last->next = connection;
  queue->last = connection;
  queue->length++;
}

static void detach(struct connection *connection) {
  struct queue *queue = connection->in;
  if (connection->previous == NULL) queue->first = connection->next;
  else connection->previous->next = connection->next;
  if (connection->next == NULL) queue->last = connection->previous;
  else connection->next->previous = connection->previous;
  queue->length--;
}

struct connection *connections_add(int fd, uint64_t address, uint64_t deadline_ms) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) return NULL;
  connection->fd = fd;
  connection->address = address;
  connection->deadline_ms = deadline_ms;
  append(&arriving, connection);
  count++;
  return connection;
}

void connections_ready(struct connection *connection, bool has_token, uint64_t source) {
  struct waiting *waiting = has_token ? &with_token : &strangers;
  detach(connection);
  append(&waiting->queues[source % QUEUES], connection);
}

struct connection *connections_oldest(void) { return arriving.first; }

bool connections_is_ready(const struct connection *connection) {
  return connection->in != &arriving;
}

/** The next source's first one, after the one that had the last turn. */
static struct connection *next_of(struct waiting *waiting) {
  for (unsigned step = 1; step <= QUEUES; step++) {
    unsigned each = (waiting->last + step) % QUEUES;
    if (waiting->queues[each].first == NULL) continue;
    waiting->last = each;
    return waiting->queues[each].first;
  }
  return NULL;
}

struct connection *connections_next(void) {
  bool is_strangers = turns_since_a_stranger >= TURNS_BEFORE_A_STRANGER;
  struct connection *next = next_of(is_strangers ? &strangers : &with_token);
  if (next == NULL) {
    is_strangers = !is_strangers;
    next = next_of(is_strangers ? &strangers : &with_token);
  }
  turns_since_a_stranger = is_strangers ? 0 : turns_since_a_stranger + 1;
  return next;
}

static const struct queue *longer(const struct queue *longest, const struct waiting *waiting) {
  for (unsigned each = 0; each < QUEUES; each++)
    if (waiting->queues[each].length > longest->length) longest = &waiting->queues[each];
  return longest;
}

struct connection *connections_superfluous(uint64_t deadline_ms) {
  struct connection *oldest = arriving.first;
  if (oldest != NULL && oldest->deadline_ms < deadline_ms) return oldest;
  return longer(longer(&arriving, &strangers), &with_token)->last;
}

void connections_remove(struct connection *connection) {
  detach(connection);
  close(connection->fd);
  free(connection);
  count--;
}

size_t connections_count(void) { return count; }
