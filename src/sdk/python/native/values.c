/* Arguments from Python, and values for it. */
#include "exchange.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int room_of(struct room *room, PyObject *given)
{
	if (!PyObject_TypeCheck(given, &PyByteArray_Type)) {
		PyErr_SetString(PyExc_TypeError, "expected a bytearray");
		return -1;
	}
	room->data = (uint8_t *)PyByteArray_AsString(given);
	room->bytes = PyByteArray_Size(given);
	return 0;
}

int has(Py_ssize_t count, Py_ssize_t expected)
{
	if (count == expected)
		return 1;
	PyErr_Format(PyExc_TypeError, "expected %zd values", expected);
	return 0;
}

int is_in(Py_ssize_t asked, const struct room *room)
{
	if (asked > 0 && asked <= room->bytes)
		return 1;
	PyErr_Format(PyExc_ValueError, "the room has %zd bytes", room->bytes);
	return 0;
}

PyObject *tuple_of(int count, ...)
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

PyObject *payload_of(const struct frame *frame)
{
	PyObject *payload = PyBytes_FromStringAndSize(NULL, frame->payload_bytes);
	if (payload != NULL)
		memcpy(PyBytes_AsString(payload), frame->payload, (size_t)frame->arrived);
	return payload;
}

int goes_on(void)
{
	if (errno == EINTR)
		return heeds_signals();
	PyErr_SetFromErrno(PyExc_OSError);
	return 0;
}

int heeds_signals(void)
{
	return PyErr_CheckSignals() == 0;
}
