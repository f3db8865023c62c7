/*
 * glean-ask.node: sends one request over TCP and waits for the whole answer, in the thread that
 * runs JavaScript. Node's own sockets cost a program that asks once more than everything else that
 * it does.
 *
 *   ask(host, port, request, timeoutMs, maxAnswerBytes)
 *     { bytes: Buffer, address: string, isConnected: boolean, errno: number }
 *     null, if the host has several addresses or none: node's sockets try them in turn
 *
 * errno is 0 once the peer has ended the connection; ETIMEDOUT and EMSGSIZE stand for the limits.
 * What had come before an error is in bytes. A signal that has no listener ends the program as
 * usual.
 */
#include "node_api.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS = 5, FIRST_ANSWER_BYTES = 16 * 1024 };

struct talk {
  int socket;
  int64_t deadline_ms;
  const char *request;
  size_t unsent;
  char *answer;
  size_t length;
  size_t room;
  size_t max_answer_bytes;
  bool is_connected;
};

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for one of `events`; 0, or an errno. */
static int await(const struct talk *talk, short events) {
  for (;;) {
    int64_t left_ms = talk->deadline_ms - now_ms();
    if (left_ms <= 0) return ETIMEDOUT;
    struct pollfd pollfd = {.fd = talk->socket, .events = events};
    int ready = poll(&pollfd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return errno;
  }
}

static int connect_to(struct talk *talk, const struct addrinfo *to) {
  talk->socket = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (talk->socket < 0) return errno;
  int error = connect(talk->socket, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) {
    error = await(talk, POLLOUT);
    socklen_t size = sizeof error;
    if (error == 0 && getsockopt(talk->socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
      error = errno;
  }
  talk->is_connected = error == 0;
  return error;
}

/* Reads what there is; 0 to go on, EOF at the end, else an errno. */
static int receive(struct talk *talk) {
  if (talk->length == talk->room) {
    if (talk->length >= talk->max_answer_bytes) return EMSGSIZE;
    size_t room = talk->room == 0 ? FIRST_ANSWER_BYTES : talk->room * 2;
    if (room > talk->max_answer_bytes) room = talk->max_answer_bytes;
    char *answer = realloc(talk->answer, room);
    if (answer == NULL) return ENOMEM;
    talk->answer = answer;
    talk->room = room;
  }
  ssize_t got = recv(talk->socket, talk->answer + talk->length, talk->room - talk->length, 0);
  if (got == 0) return EOF;
  if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : errno;
  talk->length += (size_t)got;
  return 0;
}

/* A peer may answer before it has read everything, and close: its answer counts. */
static int converse(struct talk *talk) {
  for (;;) {
    bool has_unsent = talk->unsent > 0;
    int error = await(talk, has_unsent ? POLLIN | POLLOUT : POLLIN);
    if (error != 0) return error;
    if (has_unsent) {
      ssize_t sent = send(talk->socket, talk->request, talk->unsent, MSG_NOSIGNAL);
      if (sent >= 0) {
        talk->request += sent;
        talk->unsent -= (size_t)sent;
      } else if (errno == EPIPE || errno == ECONNRESET)
        talk->unsent = 0;
      else if (errno != EAGAIN && errno != EINTR)
        return errno;
    }
    error = receive(talk);
    if (error != 0) return error == EOF ? 0 : error;
  }
}

/* The text of a JavaScript string, which the caller frees; NULL if it is none. */
static char *text_of(napi_env env, napi_value value, size_t *length) {
  if (napi_get_value_string_utf8(env, value, NULL, 0, length) != napi_ok) return NULL;
  char *text = malloc(*length + 1);
  if (text != NULL) napi_get_value_string_utf8(env, value, text, *length + 1, length);
  return text;
}

static napi_value result_of(napi_env env, const struct talk *talk, const struct addrinfo *to,
                            int error) {
  char address[NI_MAXHOST] = "";
  getnameinfo(to->ai_addr, to->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST);
  napi_value result, bytes, text, is_connected, number;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_create_buffer_copy(env, talk->length, talk->answer, NULL, &bytes) != napi_ok ||
      napi_create_string_utf8(env, address, NAPI_AUTO_LENGTH, &text) != napi_ok ||
      napi_get_boolean(env, talk->is_connected, &is_connected) != napi_ok ||
      napi_create_int32(env, error, &number) != napi_ok ||
      napi_set_named_property(env, result, "bytes", bytes) != napi_ok ||
      napi_set_named_property(env, result, "address", text) != napi_ok ||
      napi_set_named_property(env, result, "isConnected", is_connected) != napi_ok ||
      napi_set_named_property(env, result, "errno", number) != napi_ok)
    return NULL;
  return result;
}

static napi_value ask_address(napi_env env, struct talk *talk, const struct addrinfo *to) {
  int error = connect_to(talk, to);
  if (error == 0) error = converse(talk);
  if (talk->socket >= 0) close(talk->socket);
  napi_value result = result_of(env, talk, to, error);
  free(talk->answer);
  return result;
}

static napi_value ask(napi_env env, napi_callback_info info) {
  size_t count = ARGUMENTS;
  napi_value values[ARGUMENTS], result = NULL;
  int64_t timeout_ms, max_answer_bytes;
  size_t length = 0, ignored;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok || count != ARGUMENTS ||
      napi_get_value_int64(env, values[3], &timeout_ms) != napi_ok ||
      napi_get_value_int64(env, values[4], &max_answer_bytes) != napi_ok || max_answer_bytes < 1) {
    napi_throw_type_error(env, NULL, "ask(host, port, request, timeoutMs, maxAnswerBytes)");
    return NULL;
  }
  char *host = text_of(env, values[0], &ignored);
  char *port = text_of(env, values[1], &ignored);
  char *request = text_of(env, values[2], &length);
  struct talk talk = {.socket = -1,
                      .deadline_ms = now_ms() + timeout_ms,
                      .request = request,
                      .unsent = length,
                      .max_answer_bytes = (size_t)max_answer_bytes};
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
  bool is_one = host != NULL && port != NULL && request != NULL &&
                getaddrinfo(host, port, &hints, &found) == 0 && found->ai_next == NULL;
  if (is_one)
    result = ask_address(env, &talk, found);
  else
    napi_get_null(env, &result);
  if (found != NULL) freeaddrinfo(found);
  free(request);
  free(port);
  free(host);
  return result;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function;
  if (napi_create_function(env, "ask", NAPI_AUTO_LENGTH, ask, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, "ask", function);
  return exports;
}
