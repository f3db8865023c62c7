// What a connection has sent so far: whether gleanerd can make something of it, and whose it is.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** gleanerd refuses a longer head, so no more of it needs to arrive (maxHeadBytes). */
#define MAX_HEAD_BYTES (32 * 1024)

struct head {
  /** Whether to pass it on: the head is complete, or can no longer become one. */
  bool is_complete;
  /** Whether it is complete, and reads like one. */
  bool is_request;
  /** Whether the request says that it has a token; nobody has checked it. */
  bool has_token;
  /** A hash of the token's header, 0 without one. */
  uint64_t token;
};

struct head judge_head(const char *bytes, size_t length);

/** FNV-1a, continued from `hash`; begin with HASH_START. */
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_of(uint64_t hash, const void *bytes, size_t length);
