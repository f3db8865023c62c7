/* What the parts of the extension have in common: frames in buffers, and values of Python. */
#ifndef GLEANER_EXCHANGE_H
#define GLEANER_EXCHANGE_H

#define PY_SSIZE_T_CLEAN
/* Any CPython from 3.9 on loads it. */
#define Py_LIMITED_API 0x03090000
#include <Python.h>
/* It is the same in 3.9, whose headers do not yet name it for such modules. */
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif

#include <stdint.h>
#include <sys/types.h>

#define HEADER_BYTES 16
#define MAX_METADATA_BYTES 1024
#define MAX_PAYLOAD_BYTES (64 * 1024 * 1024)
/* Copying a short payload is cheaper than to send it from where it lies. */
#define MAX_COPIED_BYTES (16 * 1024)

struct message {
	uint8_t data[HEADER_BYTES + MAX_METADATA_BYTES + MAX_COPIED_BYTES];
	/* A long payload, behind the head; the caller of the step holds it. */
	const char *rest;
	size_t head_bytes, rest_bytes;
	uint64_t id;
};

struct room {
	uint8_t *data;
	Py_ssize_t bytes;
};

struct frame {
	uint64_t id;
	const char *metadata, *payload;
	/* As it says; `arrived` is how much of the payload lies in the room. */
	Py_ssize_t metadata_bytes, payload_bytes, arrived;
};

/* frames.c: a message of type, id, payload and metadata; below 0 with an exception. */
int message_of(struct message *message, PyObject *const *arguments);
uint64_t get(const uint8_t *data, int bytes);
/* Whether the first bytes of a room are one frame of this type, or its beginning with all of its
 * metadata, and nothing else. */
int is_frame(struct frame *frame, const struct room *room, Py_ssize_t bytes, uint8_t type);
/* Sends what follows the first bytes of the message, as send(2) does. */
ssize_t send_rest(int descriptor, const struct message *message, size_t sent, int flags);
size_t bytes_of(const struct message *message);


/* values.c */
/* It is a bytearray that cannot be resized, since there is a view of it. */
int room_of(struct room *room, PyObject *given);
int has(Py_ssize_t count, Py_ssize_t expected);
/* Whether so much may be received into the room; else with an exception. */
int is_in(Py_ssize_t asked, const struct room *room);
/* Takes the references to its parts, of which each may be NULL, with an exception. */
PyObject *tuple_of(int count, ...);
/* A frame's payload, of which what has arrived is there; NULL with an exception. */
PyObject *payload_of(const struct frame *frame);
/* An interrupted system call is made again, unless a handler of Python raises. */
int goes_on(void);
/* One that was interrupted in the middle says how much it did, as one at its limit does, and the
 * next would wait with the signal unheeded. False if a handler of Python raises. */
int heeds_signals(void);

/* client.c and worker.c */
PyObject *exchange(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *next(PyObject *self, PyObject *const *arguments, Py_ssize_t given);

#endif
