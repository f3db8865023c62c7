// Judges the beginning of a request. It decides only who waits for whom: gleanerd parses the bytes
// itself, and refuses what is no request.
#include "acceptor_head.h"

#include <string.h>
#include <strings.h>

/** Longer than the name of any method. */
#define MAX_METHOD_BYTES 16
static const char token_header[] = "authorization:";

uint64_t hash_of(uint64_t hash, const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  for (size_t index = 0; index < length; index++) hash = (hash ^ at[index]) * 0x100000001b3u;
  return hash;
}

/** Whether an HTTP parser would refuse this line before the head ends. */
static bool is_no_request(const char *line, size_t length, bool has_ended) {
  if (length > 0 && (line[0] < 'A' || line[0] > 'Z')) return true;
  const char *space = memchr(line, ' ', length);
  if (space == NULL) return has_ended || length > MAX_METHOD_BYTES;
  return has_ended && memmem(space, length - (space - line), " HTTP/", 6) == NULL;
}

struct head judge_head(const char *bytes, size_t length) {
  struct head head = {.is_complete = length >= MAX_HEAD_BYTES};
  const char *line = bytes, *end = bytes + length;
  for (bool is_first = true; line < end; is_first = false) {
    const char *feed = memchr(line, '\n', end - line);
    size_t bytes_of_line = (feed == NULL ? end : feed) - line;
    if (is_first && is_no_request(line, bytes_of_line, feed != NULL)) head.is_complete = true;
    if (feed == NULL) break;
    bool has_return = bytes_of_line > 0 && feed[-1] == '\r';
    // An empty line ends the head; a line without a carriage return is an error.
    head.is_request = has_return && bytes_of_line == 1 && !head.is_complete;
    if (!has_return || bytes_of_line == 1) head.is_complete = true;
    if (head.is_complete) break;
    if (bytes_of_line >= sizeof token_header - 1 &&
        strncasecmp(line, token_header, sizeof token_header - 1) == 0) {
      head.has_token = true;
      head.token = hash_of(HASH_START, line, bytes_of_line);
    }
    line = feed + 1;
  }
  return head;
}
