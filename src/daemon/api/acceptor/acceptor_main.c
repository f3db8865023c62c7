// glean-acceptor HEAD_TIMEOUT_MS LATE_ANSWER FULL_ANSWER: accepts the connections of gleanerd,
// which starts it with the listening socket as descriptor 4, and passes those on whose request has
// begun.
//
// gleanerd's event loop accepts few connections in a turn, in the order of their arrival. Here all
// are accepted at once, whoever sends no head costs gleanerd nothing, and who has a token does not
// wait behind those who have none. What arrives stays in the connection (MSG_PEEK), so gleanerd
// reads the whole request from it.
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "acceptor_confine.h"
#include "acceptor_connections.h"
#include "acceptor_head.h"
#include "acceptor_parent.h"

enum { CHANNEL = 3, LISTENER = 4 };
/** Each has a few hundred bytes here, and what the kernel keeps for it. */
#define MOST_CONNECTIONS 16384
/** Descriptors that are no connections. */
#define OTHER_DESCRIPTORS 16
#define EVENTS 256
/** Without descriptors or memory, of which others may have given some back. */
#define RETRY_MS 100
/** In this time a client sends its head: when there are too many, it is not refused before. */
#define CHANCE_MS 500

static int watched;
static size_t most_connections = MOST_CONNECTIONS;
static uint64_t head_timeout_ms, salt;
static const char *late_answer, *full_answer;

static _Noreturn void give_up(const char *what) {
  fprintf(stderr, "glean-acceptor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** `what`: the connection, or the address of a descriptor's constant. */
static bool watch(int operation, int fd, uint32_t events, void *what) {
  struct epoll_event event = {.events = events, .data = {.ptr = what}};
  return epoll_ctl(watched, operation, fd, &event) == 0;
}

static void forget(struct connection *connection) {
  // Where gleanerd has the connection, too, closing it here does not end the watching.
  watch(EPOLL_CTL_DEL, connection->fd, 0, NULL);
  connections_remove(connection);
}

/** A connection has something to read, or has ended. */
static void examine(struct connection *connection, uint32_t events) {
  static char bytes[MAX_HEAD_BYTES];
  if (events & (EPOLLERR | EPOLLHUP)) return forget(connection);
  if (connections_is_ready(connection)) return;
  ssize_t length = recv(connection->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length <= 0) return forget(connection);
  struct head head = judge_head(bytes, length);
  // No more comes of it.
  if (events & EPOLLRDHUP) head.is_complete = true;
  if (!head.is_complete) return;
  uint64_t hash = hash_of(connection->address, &head.token, sizeof head.token);
  // Who sends what is no request has turns of their own, and delays no newcomer.
  uint64_t source = (hash ^ hash >> 32) << 1 | head.is_request;
  connections_ready(connection, head.has_token && head.is_request, source);
}

static uint64_t address_of(const struct sockaddr_storage *from) {
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const void *)from;
    return hash_of(salt, &v4->sin_addr, sizeof v4->sin_addr);
  }
  const struct sockaddr_in6 *v6 = (const void *)from;
  return hash_of(salt, &v6->sin6_addr, sizeof v6->sin6_addr);
}

static void refuse(struct connection *connection, const char *answer) {
  // What was sent is thrown away: the kernel would reset the connection before the answer.
  recv(connection->fd, NULL, INT_MAX, MSG_TRUNC | MSG_DONTWAIT);
  send(connection->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
  forget(connection);
}

/** Returns false if there are no connections whose place another could have. */
static bool make_room(void) {
  struct connection *superfluous = connections_superfluous(now_ms() + head_timeout_ms - CHANCE_MS);
  if (superfluous == NULL) return false;
  refuse(superfluous, full_answer);
  return true;
}

/** Returns false when none may be accepted until others are gone. */
static bool accept_some(void) {
  // The rest is told again: those that are here have their turns in between.
  for (int accepted = 0; accepted < EVENTS; accepted++) {
    if (connections_count() >= most_connections && !make_room()) return false;
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof from;
    int fd = accept4(LISTENER, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        return make_room();
      if (errno == EINVAL || errno == EBADF || errno == ENOTSOCK) give_up("accept");
      // EAGAIN, or a connection that ended before it was accepted.
      return true;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection =
        connections_add(fd, address_of(&from), now_ms() + head_timeout_ms);
    if (connection == NULL) close(fd);
    else if (!watch(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, connection))
      connections_remove(connection);
  }
  return true;
}

/** Returns how long until the next head is late, -1 without one. */
static int refuse_late(void) {
  for (struct connection *oldest; (oldest = connections_oldest()) != NULL;) {
    uint64_t now = now_ms();
    if (oldest->deadline_ms > now) return oldest->deadline_ms - now;
    refuse(oldest, late_answer);
  }
  return -1;
}

/** Returns whether the channel to gleanerd has to drain first. */
static bool pass_on(void) {
  while (parent_has_room()) {
    struct connection *next = connections_next();
    if (next == NULL) return false;
    enum passed passed = parent_pass(CHANNEL, next->fd);
    if (passed == PARENT_GONE) exit(0);
    if (passed == PASSED_LATER) return true;
    forget(next);
  }
  return false;
}

static void serve(void) {
  static const int channel = CHANNEL, listener = LISTENER;
  bool is_accepting = true, is_full = false;
  if (!watch(EPOLL_CTL_ADD, CHANNEL, EPOLLIN, (void *)&channel) ||
      !watch(EPOLL_CTL_ADD, LISTENER, EPOLLIN, (void *)&listener))
    give_up("cannot watch what gleanerd gave");
  for (;;) {
    struct epoll_event events[EVENTS];
    int wait_ms = refuse_late();
    if (!is_accepting && (wait_ms < 0 || wait_ms > RETRY_MS)) wait_ms = RETRY_MS;
    int count = epoll_wait(watched, events, EVENTS, wait_ms);
    if (count < 0 && errno != EINTR) give_up("epoll_wait");
    bool has_arrivals = !is_accepting;
    for (int index = 0; index < count; index++) {
      void *what = events[index].data.ptr;
      if (what == &listener) has_arrivals = true;
      else if (what != &channel) examine(what, events[index].events);
      else if ((events[index].events & ~EPOLLOUT) != 0 && !parent_read(CHANNEL)) return;
    }
    // Only now: a connection that makes room could be among the events.
    bool was_full = is_full, was_accepting = is_accepting;
    is_full = pass_on();
    if (has_arrivals) is_accepting = accept_some();
    if (is_accepting != was_accepting)
      watch(EPOLL_CTL_MOD, LISTENER, is_accepting ? EPOLLIN : 0, (void *)&listener);
    if (is_full != was_full)
      watch(EPOLL_CTL_MOD, CHANNEL, EPOLLIN | (is_full ? EPOLLOUT : 0), (void *)&channel);
  }
}

static void take_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("setrlimit");
  if (limit.rlim_cur < most_connections + OTHER_DESCRIPTORS)
    most_connections = limit.rlim_cur - OTHER_DESCRIPTORS;
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "glean-acceptor is started by gleanerd\n");
    return 2;
  }
  head_timeout_ms = strtoull(arguments[1], NULL, 10);
  late_answer = arguments[2];
  full_answer = arguments[3];
  take_descriptors();
  watched = epoll_create1(EPOLL_CLOEXEC);
  if (watched < 0) give_up("epoll_create1");
  // So that nobody can choose an address that shares turns with another.
  if (getentropy(&salt, sizeof salt) != 0) give_up("getentropy");
  salt ^= HASH_START;
  const char *failed = confine();
  if (failed != NULL) give_up(failed);
  serve();
}
