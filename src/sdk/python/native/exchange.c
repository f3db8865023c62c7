/* What short calls over a socket need in one step each: Python's own steps take as long as the
 * system calls. It sends a frame, and takes in the next one if that is whole, alone and of the type
 * that is awaited; everything else it leaves to the code in Python, which does the same without it.
 *
 * The client's package and the worker's runtime use it where it could be compiled. */
#define PY_SSIZE_T_CLEAN
/* Any CPython from 3.9 on loads it. */
#define Py_LIMITED_API 0x03090000
#include <Python.h>
/* It is the same in 3.9, whose headers do not yet name it for such modules. */
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define HEADER_BYTES 16
#define MAX_METADATA_BYTES 1024
#define MAX_PAYLOAD_BYTES (16 * 1024)
#define MAX_ID ((1ULL << 53) - 1)
#define MAX_EVENTS 64
#define CALL_HEAD_BYTES 8
#define CALL 5
#define RESULT 7

struct message {
	uint8_t data[HEADER_BYTES + MAX_METADATA_BYTES + MAX_PAYLOAD_BYTES];
	size_t bytes;
	uint64_t id;
};

struct room {
	uint8_t *data;
	Py_ssize_t bytes;
};

static void put(uint8_t *data, uint64_t value, int bytes)
{
	for (int at = 0; at < bytes; at++, value >>= 8)
		data[at] = value & 0xff;
}

static uint64_t get(const uint8_t *data, int bytes)
{
	uint64_t value = 0;
	while (bytes > 0)
		value = value << 8 | data[--bytes];
	return value;
}

/* The arguments are type, id, payload, metadata. */
static int message_of(struct message *message, PyObject *const *arguments)
{
	char *metadata, *payload;
	Py_ssize_t metadata_bytes, payload_bytes;
	const long type = PyLong_AsLong(arguments[0]);
	const uint64_t id = PyLong_AsUnsignedLongLong(arguments[1]);
	if (PyErr_Occurred() || PyBytes_AsStringAndSize(arguments[2], &payload, &payload_bytes) < 0 ||
	    PyBytes_AsStringAndSize(arguments[3], &metadata, &metadata_bytes) < 0)
		return -1;
	if (metadata_bytes > MAX_METADATA_BYTES || payload_bytes > MAX_PAYLOAD_BYTES) {
		PyErr_SetString(PyExc_ValueError, "the frame is longer than a short one");
		return -1;
	}
	uint8_t *data = message->data;
	put(data, (uint64_t)(metadata_bytes + payload_bytes), 4);
	data[4] = (uint8_t)type;
	data[5] = 0;
	put(data + 6, (uint64_t)metadata_bytes, 2);
	put(data + 8, id, 8);
	memcpy(data + HEADER_BYTES, metadata, (size_t)metadata_bytes);
	memcpy(data + HEADER_BYTES + metadata_bytes, payload, (size_t)payload_bytes);
	message->id = id;
	message->bytes = (size_t)(HEADER_BYTES + metadata_bytes + payload_bytes);
	return 0;
}

/* It is a bytearray that cannot be resized, since there is a view of it. */
static int room_of(struct room *room, PyObject *given)
{
	if (!PyObject_TypeCheck(given, &PyByteArray_Type)) {
		PyErr_SetString(PyExc_TypeError, "expected a bytearray");
		return -1;
	}
	room->data = (uint8_t *)PyByteArray_AsString(given);
	room->bytes = PyByteArray_Size(given);
	return 0;
}

static int has(Py_ssize_t count, Py_ssize_t expected)
{
	if (count == expected)
		return 1;
	PyErr_Format(PyExc_TypeError, "expected %zd values", expected);
	return 0;
}

struct frame {
	uint64_t id;
	const char *metadata, *payload;
	Py_ssize_t metadata_bytes, payload_bytes;
};

/* Whether a frame of this type fills the first bytes of a room. */
static int is_frame(struct frame *frame, const struct room *room, Py_ssize_t bytes, uint8_t type)
{
	const uint8_t *data = room->data;
	if (bytes < HEADER_BYTES || data[4] != type || data[5] != 0)
		return 0;
	const Py_ssize_t body = (Py_ssize_t)get(data, 4);
	frame->id = get(data + 8, 8);
	frame->metadata = (const char *)data + HEADER_BYTES;
	frame->metadata_bytes = (Py_ssize_t)get(data + 6, 2);
	frame->payload = frame->metadata + frame->metadata_bytes;
	frame->payload_bytes = body - frame->metadata_bytes;
	return HEADER_BYTES + body == bytes && frame->payload_bytes >= 0 && frame->metadata_bytes <= MAX_METADATA_BYTES &&
	       frame->id != 0 && frame->id <= MAX_ID;
}

/* Takes the references to its parts, of which each may be NULL, with an exception. */
static PyObject *tuple_of(int count, ...)
{
	va_list parts;
	PyObject *made = PyTuple_New(count);
	va_start(parts, count);
	for (int at = 0; at < count; at++) {
		PyObject *part = va_arg(parts, PyObject *);
		if (made != NULL && part != NULL)
			(void)PyTuple_SetItem(made, at, part);
		else {
			Py_XDECREF(part);
			Py_CLEAR(made);
		}
	}
	va_end(parts);
	return made;
}

static PyObject *result_of(const struct room *room, Py_ssize_t bytes, uint64_t id)
{
	struct frame frame;
	if (!is_frame(&frame, room, bytes, RESULT) || frame.id != id)
		return PyLong_FromSsize_t(bytes);
	return tuple_of(3, PyLong_FromLong(RESULT), PyUnicode_DecodeLatin1(frame.metadata, frame.metadata_bytes, NULL),
			PyBytes_FromStringAndSize(frame.payload, frame.payload_bytes));
}

static int is_ascii(const char *text, Py_ssize_t bytes)
{
	while (bytes > 0)
		if ((unsigned char)text[--bytes] > 0x7f)
			return 0;
	return 1;
}

static PyObject *call_of(const struct room *room, Py_ssize_t bytes)
{
	struct frame frame;
	if (!is_frame(&frame, room, bytes, CALL) || frame.metadata_bytes < CALL_HEAD_BYTES)
		return PyLong_FromSsize_t(bytes);
	const Py_ssize_t type_bytes = (Py_ssize_t)get((const uint8_t *)frame.metadata + 6, 2);
	const Py_ssize_t text_bytes = frame.metadata_bytes - CALL_HEAD_BYTES;
	const char *type = frame.metadata + CALL_HEAD_BYTES;
	/* Any other text is checked by Python. */
	if (type_bytes > text_bytes || !is_ascii(type, text_bytes))
		return PyLong_FromSsize_t(bytes);
	return tuple_of(4, PyLong_FromUnsignedLongLong(frame.id), PyUnicode_DecodeLatin1(type, type_bytes, NULL),
			PyBytes_FromStringAndSize(frame.metadata, frame.metadata_bytes),
			PyBytes_FromStringAndSize(frame.payload, frame.payload_bytes));
}

/* An interrupted system call is made again, unless a handler of Python raises. */
static int goes_on(void)
{
	if (errno == EINTR)
		return PyErr_CheckSignals() == 0;
	PyErr_SetFromErrno(PyExc_OSError);
	return 0;
}

PyDoc_STRVAR(exchange_says, "exchange(descriptor, room, type, id, payload, metadata): sends a frame over a"
			    " blocking socket and receives into the room. Returns the call's result, as type,"
			    " content type and payload, or how many bytes of anything else came; 0 at the end.");

static PyObject *exchange(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
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
	}
}

/* Sends what can be without waiting; returns how many bytes are left. */
static size_t send_now(int descriptor, const struct message *message)
{
	ssize_t sent;
	do
		sent = send(descriptor, message->data, message->bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return message->bytes - (size_t)sent;
	/* A connection that broke has an end, which is received. */
	return errno == EAGAIN || errno == EWOULDBLOCK ? message->bytes : 0;
}

static PyObject *list_of(const struct epoll_event *events, int count)
{
	PyObject *list = PyList_New(count);
	for (int at = 0; list != NULL && at < count; at++) {
		PyObject *pair = Py_BuildValue("(iI)", events[at].data.fd, (unsigned int)events[at].events);
		if (pair == NULL || PyList_SetItem(list, at, pair) < 0) {
			Py_DECREF(list);
			return NULL;
		}
	}
	return list;
}

PyDoc_STRVAR(next_says, "next(epoll, descriptor, room, seconds, answer): sends the answer over this socket without"
			" waiting, if it is not None but type, id, payload and metadata; returns -n if n of its last"
			" bytes are left. Then waits as epoll.poll() does and returns what it does. If only this socket"
			" has something, receives into the room; returns the call that came, as its id, content type,"
			" metadata and payload, or how many bytes of anything else; 0 at the end.");

/* False with an exception; a message of no bytes is none. */
static int answer_of(struct message *message, PyObject *answer)
{
	PyObject *parts[4];
	message->bytes = 0;
	if (answer == Py_None)
		return 1;
	if (!has(PyTuple_Size(answer), 4))
		return 0;
	for (int at = 0; at < 4; at++)
		parts[at] = PyTuple_GetItem(answer, at);
	return message_of(message, parts) == 0;
}

static PyObject *next(PyObject *self, PyObject *const *arguments, Py_ssize_t given)
{
	struct epoll_event events[MAX_EVENTS];
	struct room room;
	(void)self;
	if (!has(given, 5) || room_of(&room, arguments[2]) < 0)
		return NULL;
	const int epoll = (int)PyLong_AsLong(arguments[0]), descriptor = (int)PyLong_AsLong(arguments[1]);
	const double seconds = PyFloat_AsDouble(arguments[3]);
	struct message message;
	if (PyErr_Occurred() || !answer_of(&message, arguments[4]))
		return NULL;
	const size_t left = message.bytes == 0 ? 0 : send_now(descriptor, &message);
	if (left > 0)
		return PyLong_FromSsize_t(-(Py_ssize_t)left);
	const int wait_ms = seconds < 0 ? -1 : (int)(seconds * 1000 + 0.999);
	for (;;) {
		int count;
		ssize_t got = -1;
		Py_BEGIN_ALLOW_THREADS
		count = epoll_wait(epoll, events, MAX_EVENTS, wait_ms);
		if (count == 1 && events[0].data.fd == descriptor && events[0].events == EPOLLIN)
			got = recv(descriptor, room.data, (size_t)room.bytes, MSG_DONTWAIT);
		Py_END_ALLOW_THREADS
		if (got >= 0)
			return call_of(&room, got);
		/* What recv() failed with is met again by the code in Python. */
		if (count >= 0)
			return list_of(events, count);
		if (!goes_on())
			return NULL;
	}
}

static PyMethodDef methods[] = {
	{ "exchange", (PyCFunction)(void (*)(void))exchange, METH_FASTCALL, exchange_says },
	{ "next", (PyCFunction)(void (*)(void))next, METH_FASTCALL, next_says },
	{ NULL, NULL, 0, NULL },
};

static PyModuleDef_Slot slots[] = { { 0, NULL } };

static struct PyModuleDef module = {
	.m_base = PyModuleDef_HEAD_INIT,
	.m_name = "_exchange",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__exchange(void)
{
	return PyModuleDef_Init(&module);
}
