/* What calls over a socket need in one step each: Python's own steps take as long as the system
 * calls of a short one, and a long payload is received straight to where it stays. It sends a
 * frame, and takes in the next one if that is alone and of the type that is awaited; everything
 * else it leaves to the code in Python, which does the same without it.
 *
 * The client's package and the worker's runtime use it where it could be compiled. */
#include "exchange.h"

PyDoc_STRVAR(exchange_says, "exchange(descriptor, room, type, id, payload, metadata, bell, milliseconds, asked,"
			    " until, limit): sends a frame over a blocking socket and receives at most `asked` bytes into"
			    " the room. Returns the call's result, as type, content type and payload, or how many bytes"
			    " of anything else came; 0 at the end. None if a signal came first, or the socket's time"
			    " limit; with a bell (not -1), also if that descriptor can be read, or once the milliseconds"
			    " are over. Without one it receives all of a result's payload, unless that could take until"
			    " long after the time `until` because of the socket's `limit`, both in seconds; -1: none.");

PyDoc_STRVAR(next_says, "next(epoll, descriptor, room, seconds, answer, asked): sends the answer over this socket"
			" without waiting, if it is not None but type, id, payload and metadata; returns -n if n of its"
			" last bytes are left. Then waits as epoll.poll() does and returns what it does. If only this"
			" socket has something, receives at most `asked` bytes into the room; returns the call that"
			" came, as its id, content type, metadata and payload, or how many bytes of anything else; 0 at"
			" the end. A call whose payload does not come at once has the bytes of all of it in place of"
			" the content type, and those that have come as its payload.");

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
