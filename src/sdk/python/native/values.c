/* Arguments from Python, and values for it. */
#include "exchange.h"

#include <errno.h>
#include <stdarg.h>

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

int goes_on(void)
{
	if (errno == EINTR)
		return PyErr_CheckSignals() == 0;
	PyErr_SetFromErrno(PyExc_OSError);
	return 0;
}
