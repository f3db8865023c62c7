/* A client's step: sends a call, and receives its result. */
#include "exchange.h"

#include <errno.h>
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

PyObject *exchange(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
	struct message message;
	struct room room;
	(void)self;
	if (!has(count, 6) || message_of(&message, arguments + 2) < 0 || room_of(&room, arguments[1]) < 0)
		return NULL;
	const int descriptor = (int)PyLong_AsLong(arguments[0]);
	if (PyErr_Occurred())
		return NULL;
	size_t sent = 0;
	for (;;) {
		ssize_t got;
		Py_BEGIN_ALLOW_THREADS
		got = sent == message.bytes ? 0 : send(descriptor, message.data + sent, message.bytes - sent, MSG_NOSIGNAL);
		sent += got > 0 ? (size_t)got : 0;
		if (sent == message.bytes)
			got = recv(descriptor, room.data, (size_t)room.bytes, 0);
		Py_END_ALLOW_THREADS
		if (got >= 0 && sent == message.bytes)
			return result_of(&room, got, message.id);
		if (got < 0 && !goes_on())
			return NULL;
		/* A second wait would last as long, and one after each signal forever. */
		if (got < 0 && sent == message.bytes)
			Py_RETURN_NONE;
	}
}
