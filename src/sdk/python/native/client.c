/* A client's step: sends a call, and receives its result. */
#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#define RESULT 7
/* A call may take so much longer if its worker stops in the middle of the answer. */
#define UNLIMITED_S 1.0

/* When the wait is over, by CLOCK_MONOTONIC, and the socket's own limit for each; below 0: none. */
struct limits {
	double until_s, each_s;
};

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Whether the socket's own limit would keep the call waiting for much longer than its time. */
static bool is_late(const struct limits *limits)
{
	return limits->until_s >= 0 && limits->each_s >= 0 && limits->until_s - now_s() < limits->each_s - UNLIMITED_S;
}

/* The rest of the payload, straight to where it stays. */
static bool fill(int descriptor, char *payload, const struct frame *frame, const struct limits *limits)
{
	Py_ssize_t filled = frame->arrived;
	while (filled < frame->payload_bytes) {
		ssize_t got;
		Py_BEGIN_ALLOW_THREADS
		got = recv(descriptor, payload + filled, (size_t)(frame->payload_bytes - filled), MSG_WAITALL);
		Py_END_ALLOW_THREADS
		if (got == 0) {
			PyErr_SetString(PyExc_EOFError, "the worker is gone");
			return false;
		}
		if (got < 0 && !goes_on())
			return false;
		filled += got > 0 ? got : 0;
		if (got > 0 && filled < frame->payload_bytes && !heeds_signals())
			return false;
		/* The socket's own limit starts over with each wait. */
		if (filled < frame->payload_bytes && limits->until_s >= 0 && now_s() >= limits->until_s) {
			PyErr_SetString(PyExc_BlockingIOError, "the time is over");
			return false;
		}
	}
	return true;
}

static PyObject *answer_of(const struct frame *frame, PyObject *payload)
{
	return tuple_of(3, PyLong_FromLong(RESULT), PyUnicode_DecodeLatin1(frame->metadata, frame->metadata_bytes, NULL),
			payload);
}

/* `limits`: NULL if nothing may wait here for the rest of a long one. */
static PyObject *result_of(int descriptor, const struct room *room, Py_ssize_t bytes, uint64_t id,
			   const struct limits *limits)
{
	struct frame frame;
	if (!is_frame(&frame, room, bytes, RESULT) || frame.id != id)
		return PyLong_FromSsize_t(bytes);
	const bool is_whole = frame.arrived == frame.payload_bytes;
	if (!is_whole && (limits == NULL || is_late(limits)))
		return PyLong_FromSsize_t(bytes);
	PyObject *payload = payload_of(&frame);
	if (payload != NULL && !is_whole && !fill(descriptor, PyBytes_AsString(payload), &frame, limits))
		Py_CLEAR(payload);
	return payload == NULL ? NULL : answer_of(&frame, payload);
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
	if (!has(count, 11) || message_of(&message, arguments + 2) < 0 || room_of(&room, arguments[1]) < 0)
		return NULL;
	const int descriptor = (int)PyLong_AsLong(arguments[0]), bell = (int)PyLong_AsLong(arguments[6]),
		  milliseconds = (int)PyLong_AsLong(arguments[7]);
	const Py_ssize_t asked = PyLong_AsSsize_t(arguments[8]);
	const struct limits limits = { PyFloat_AsDouble(arguments[9]), PyFloat_AsDouble(arguments[10]) };
	if (PyErr_Occurred() || !is_in(asked, &room))
		return NULL;
	const size_t bytes = bytes_of(&message);
	size_t sent = 0;
	for (;;) {
		ssize_t got;
		bool is_stopped = false;
		Py_BEGIN_ALLOW_THREADS
		got = sent == bytes ? 0 : send_rest(descriptor, &message, sent, 0);
		sent += got > 0 ? (size_t)got : 0;
		if (sent == bytes) {
			is_stopped = bell >= 0 && !has_answer(descriptor, bell, milliseconds);
			got = is_stopped ? -1 : recv(descriptor, room.data, (size_t)asked, 0);
		}
		Py_END_ALLOW_THREADS
		if (got >= 0 && sent == bytes)
			return result_of(descriptor, &room, got, message.id, bell < 0 ? &limits : NULL);
		if (is_stopped)
			Py_RETURN_NONE;
		if (got > 0 && !heeds_signals())
			return NULL;
		/* A second wait would last as long, and one after each signal forever. */
		const bool is_asked = got < 0 && sent == bytes;
		if (is_asked && (errno == EAGAIN || errno == EWOULDBLOCK))
			Py_RETURN_NONE;
		if (got < 0 && !goes_on())
			return NULL;
		if (is_asked)
			Py_RETURN_NONE;
	}
}
