// Node acknowledges each descriptor in the turn of its event loop in which it takes it, so that
// what it has not acknowledged bounds how many connections a turn brings.
#include "acceptor_parent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/** How many connections a turn of gleanerd's event loop begins to read. */
#define MOST_UNACKNOWLEDGED 8

static unsigned unacknowledged;

bool parent_has_room(void) { return unacknowledged < MOST_UNACKNOWLEDGED; }

enum passed parent_pass(int channel, int fd) {
  static char line[] =
      "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":\"connection\"}\n";
  struct iovec bytes = {.iov_base = line, .iov_len = sizeof line - 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  struct msghdr message = {.msg_iov = &bytes,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t sent = sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent == (ssize_t)bytes.iov_len) {
    unacknowledged++;
    return PASSED;
  }
  // A part of a line would make the rest of the channel useless.
  bool can_wait = sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ETOOMANYREFS);
  return can_wait ? PASSED_LATER : PARENT_GONE;
}

bool parent_read(int channel) {
  char bytes[4096];
  ssize_t length = recv(channel, bytes, sizeof bytes, MSG_DONTWAIT);
  if (length == 0) return false;
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  // Each line is an acknowledgement: gleanerd sends nothing else.
  for (ssize_t index = 0; index < length; index++)
    if (bytes[index] == '\n' && unacknowledged > 0) unacknowledged--;
  return true;
}
