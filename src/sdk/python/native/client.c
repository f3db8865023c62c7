/* A client's step: sends a call, and receives its result. */
#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

#define RESULT 7

static PyObject *result_of(const struct room *room, Py_ssize_t bytes, uint64_t id)
{
	struct frame frame;
	if (!is_frame(&frame, room, bytes, RESULT) || frame.id != id)
		return PyLong_FromSsize_t(bytes);
	return tuple_of(3, PyLong_FromLong(RESULT), PyUnicode_DecodeLatin1(frame.metadata, frame.metadata_bytes, NULL),
			PyBytes_FromStringAndSize(frame.payload, frame.payload_bytes));
}

/* Whether something has come over the socket, and nothing else has happened. */
static bool has_answer(int descriptor, int bell, int milliseconds)
{
	struct pollfd watched[2] = { { descriptor, POLLIN, 0 }, { bell, POLLIN, 0 } };
	return poll(watched, 2, milliseconds) > 0 && watched[1].revents == 0;
}

PyObject *exchange(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
	struct message message;
	struct room room;
	(void)self;
	if (!has(count, 8) || message_of(&message, arguments + 2) < 0 || room_of(&room, arguments[1]) < 0)
		return NULL;
	const int descriptor = (int)PyLong_AsLong(arguments[0]), bell = (int)PyLong_AsLong(arguments[6]),
		  milliseconds = (int)PyLong_AsLong(arguments[7]);
	if (PyErr_Occurred())
		return NULL;
	size_t sent = 0;
	for (;;) {
		ssize_t got;
		bool is_stopped = false;
		Py_BEGIN_ALLOW_THREADS
		got = sent == message.bytes ? 0 : send(descriptor, message.data + sent, message.bytes - sent, MSG_NOSIGNAL);
		sent += got > 0 ? (size_t)got : 0;
		if (sent == message.bytes) {
			is_stopped = bell >= 0 && !has_answer(descriptor, bell, milliseconds);
			got = is_stopped ? -1 : recv(descriptor, room.data, (size_t)room.bytes, 0);
		}
		Py_END_ALLOW_THREADS
		if (got >= 0 && sent == message.bytes)
			return result_of(&room, got, message.id);
		if (is_stopped)
			Py_RETURN_NONE;
		if (got < 0 && !goes_on())
			return NULL;
		/* A second wait would last as long, and one after each signal forever. */
		if (got < 0 && sent == message.bytes)
			Py_RETURN_NONE;
	}
}
