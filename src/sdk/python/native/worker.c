/* A worker's step: sends an answer, waits as its poller does, and receives the next call. */
#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define MAX_EVENTS 64
#define CALL_HEAD_BYTES 8
#define CALL 5
/* A client that sends a long payload is likely in the middle of it: its pieces are waited for here,
 * each for PIECE_MS and all for PAYLOAD_NS. What comes later comes with the events of all. */
#define PIECE_MS 1
#define PAYLOAD_NS 5000000

static int is_ascii(const char *text, Py_ssize_t bytes)
{
	while (bytes > 0)
		if ((unsigned char)text[--bytes] > 0x7f)
			return 0;
	return 1;
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Receives more of a payload, straight to where it stays; returns how much of it is there. What
 * else happens is met again by the code in Python. */
static Py_ssize_t fill(int descriptor, char *payload, const struct frame *frame)
{
	Py_ssize_t filled = frame->arrived;
	const int64_t until_ns = now_ns() + PAYLOAD_NS;
	while (filled < frame->payload_bytes) {
		const ssize_t got =
			recv(descriptor, payload + filled, (size_t)(frame->payload_bytes - filled), MSG_DONTWAIT);
		if (got > 0) {
			filled += got;
			continue;
		}
		struct pollfd watched = { descriptor, POLLIN, 0 };
		const bool is_empty = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
		if (!is_empty || now_ns() >= until_ns || poll(&watched, 1, PIECE_MS) <= 0)
			break;
	}
	return filled;
}

/* The call, or what there is of it, if its payload has not arrived whole. */
static PyObject *received(const struct frame *frame, PyObject *type, int descriptor)
{
	PyObject *payload = payload_of(frame);
	Py_ssize_t filled = frame->arrived;
	if (payload != NULL && filled < frame->payload_bytes) {
		char *to = PyBytes_AsString(payload);
		Py_BEGIN_ALLOW_THREADS
		filled = fill(descriptor, to, frame);
		Py_END_ALLOW_THREADS
	}
	PyObject *id = PyLong_FromUnsignedLongLong(frame->id),
		 *metadata = PyBytes_FromStringAndSize(frame->metadata, frame->metadata_bytes);
	if (payload == NULL || filled == frame->payload_bytes)
		return tuple_of(4, id, type, metadata, payload);
	PyObject *begun = PyBytes_FromStringAndSize(PyBytes_AsString(payload), filled);
	Py_DECREF(payload);
	Py_XDECREF(type);
	return tuple_of(4, id, PyLong_FromSsize_t(frame->payload_bytes), metadata, begun);
}

static PyObject *call_of(int descriptor, const struct room *room, Py_ssize_t bytes)
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
	return received(&frame, PyUnicode_DecodeLatin1(type, type_bytes, NULL), descriptor);
}

/* Sends what can be without waiting; returns how many bytes are left. */
static size_t send_now(int descriptor, const struct message *message)
{
	ssize_t sent;
	do
		sent = send_rest(descriptor, message, 0, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return bytes_of(message) - (size_t)sent;
	/* A connection that broke has an end, which is received. */
	return errno == EAGAIN || errno == EWOULDBLOCK ? bytes_of(message) : 0;
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

/* False with an exception; a message of no bytes is none. */
static int answer_of(struct message *message, PyObject *answer)
{
	PyObject *parts[4];
	message->head_bytes = message->rest_bytes = 0;
	if (answer == Py_None)
		return 1;
	if (!has(PyTuple_Size(answer), 4))
		return 0;
	for (int at = 0; at < 4; at++)
		parts[at] = PyTuple_GetItem(answer, at);
	return message_of(message, parts) == 0;
}

PyObject *next(PyObject *self, PyObject *const *arguments, Py_ssize_t given)
{
	struct epoll_event events[MAX_EVENTS];
	struct room room;
	(void)self;
	if (!has(given, 6) || room_of(&room, arguments[2]) < 0)
		return NULL;
	const int epoll = (int)PyLong_AsLong(arguments[0]), descriptor = (int)PyLong_AsLong(arguments[1]);
	const double seconds = PyFloat_AsDouble(arguments[3]);
	const Py_ssize_t asked = PyLong_AsSsize_t(arguments[5]);
	struct message message;
	if (PyErr_Occurred() || !is_in(asked, &room) || !answer_of(&message, arguments[4]))
		return NULL;
	const size_t left = bytes_of(&message) == 0 ? 0 : send_now(descriptor, &message);
	if (left > 0)
		return PyLong_FromSsize_t(-(Py_ssize_t)left);
	const int wait_ms = seconds < 0 ? -1 : (int)(seconds * 1000 + 0.999);
	for (;;) {
		int count;
		ssize_t got = -1;
		Py_BEGIN_ALLOW_THREADS
		count = epoll_wait(epoll, events, MAX_EVENTS, wait_ms);
		if (count == 1 && events[0].data.fd == descriptor && events[0].events == EPOLLIN)
			got = recv(descriptor, room.data, (size_t)asked, MSG_DONTWAIT);
		Py_END_ALLOW_THREADS
		if (got >= 0)
			return call_of(descriptor, &room, got);
		/* What recv() failed with is met again by the code in Python. */
		if (count >= 0)
			return list_of(events, count);
		if (!goes_on())
			return NULL;
	}
}
