/* libgleaner: calls functions on leased workers over the direct path of Gleaner.
 *
 * A lease and all of its calls belong to one thread at a time: use one lease for each thread, or a
 * lock of your own. A forked process may close the lease of its parent, which goes on there, and do
 * nothing else with it. Nothing here starts threads or handles signals. Every call ends: with its
 * output, or with an error by its deadline.
 *
 * Buffers stay the caller's: an input must not change, and an output must stay, until the call has
 * ended. What the library returns is freed with the function that is named beside it. */
#ifndef GLEANER_H
#define GLEANER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gleaner_lease gleaner_lease;
typedef struct gleaner_call gleaner_call;

typedef enum gleaner_error {
	GLEANER_OK = 0,
	/* The call has not ended. */
	GLEANER_RUNNING = 1,
	/* An argument is invalid. */
	GLEANER_INVALID = 2,
	GLEANER_NO_MEMORY = 3,
	/* `glean lease hold` could not be run, or gave no lease. */
	GLEANER_NOT_GRANTED = 4,
	/* The function failed: see gleaner_error_message. */
	GLEANER_FUNCTION_FAILED = 5,
	/* The output does not fit: the call's output size is what it needs. */
	GLEANER_OUTPUT_TOO_LARGE = 6,
	/* The call had no answer by its deadline; it may have run. */
	GLEANER_DEADLINE = 7,
	/* The connection broke under the call, which may have run; the lease does not repeat it. */
	GLEANER_LEASE_LOST = 8,
	/* No worker is left, and gleanerd did not take the call; it did not run. */
	GLEANER_NO_WORKER = 9
} gleaner_error;

typedef enum gleaner_retry {
	/* A call whose connection broke is sent to another worker: it may run twice. */
	GLEANER_RETRY_EVICTED = 0,
	/* It ends with GLEANER_LEASE_LOST. */
	GLEANER_RETRY_NEVER = 1
} gleaner_retry;

/* How to reach a worker. */
typedef enum gleaner_transport {
	/* Shared memory if the worker is on this host; else libfabric if the site names a provider
	 * and both sides have the library; else TCP. */
	GLEANER_TRANSPORT_BEST = 0,
	GLEANER_TRANSPORT_TCP = 1,
	GLEANER_TRANSPORT_UNIX = 2,
	GLEANER_TRANSPORT_SHM = 3,
	/* libfabric, with the site's provider. */
	GLEANER_TRANSPORT_OFI = 4
} gleaner_transport;

/* Zeros are the defaults. */
typedef struct gleaner_options {
	/* NAME, NAME@VERSION or OWNER/NAME. */
	const char *function;
	uint32_t workers;
	uint32_t at_least;
	uint32_t cores;
	uint32_t memory_mb;
	uint32_t ttl_ms;
	/* -1: workers spin always; 0: they block; else they spin this long after each call. */
	int32_t hot_ms;
	gleaner_retry retry;
	gleaner_transport transport;
	/* How long a call may take; the default is 60 s. */
	uint32_t deadline_ms;
	/* The size of each direction's ring, a power of two from 64 KiB to 256 MiB; the default is
	 * 128 MiB. Only what is used takes memory. */
	uint32_t ring_bytes;
	/* The program to run instead of `glean`. */
	const char *glean;
} gleaner_options;

/* Where a worker serves; only for tools that get leases by themselves. */
typedef struct gleaner_endpoint {
	const char *worker;
	const char *host;
	uint16_t port;
	/* The abstract unix socket's name, and the boot id of its host. */
	const char *socket;
	const char *host_id;
	/* 64 digits of lower-case hex. */
	const char *key;
} gleaner_endpoint;

/* Gets a lease, which `glean lease hold` holds and renews, and connects to its workers. While none
 * can be reached, calls are made through gleanerd. A lease that has ended is followed by another
 * one with the next call. */
gleaner_error gleaner_lease_open(const gleaner_options *options, gleaner_lease **lease);
/* The same for workers that are already leased; what is no longer there is not replaced. */
gleaner_error gleaner_connect_endpoint(const gleaner_endpoint *endpoints, size_t count,
				       const gleaner_options *options, gleaner_lease **lease);
/* Ends the lease. Calls that still run end with GLEANER_LEASE_LOST; their callbacks run within it,
 * and can begin no other call. */
void gleaner_lease_close(gleaner_lease *lease);
size_t gleaner_lease_workers(const gleaner_lease *lease);

/* Calls the function and waits. `*output_bytes` is set also for GLEANER_OUTPUT_TOO_LARGE. */
gleaner_error gleaner_invoke(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
			     size_t output_capacity, size_t *output_bytes);
/* Calls it for each of `count` inputs of `input_bytes` that lie in a row; outputs go to a row of
 * slots of `output_capacity` bytes, and their sizes to `output_bytes`. Returns the first error. */
gleaner_error gleaner_map(gleaner_lease *lease, size_t count, const void *inputs, size_t input_bytes,
			  void *outputs, size_t output_capacity, size_t *output_bytes);

/* Begins a call; NULL if there is no memory, the input is over 64 MiB, or an argument is invalid:
 * gleaner_wait of it returns GLEANER_INVALID then. It is sent by the next
 * gleaner_poll, gleaner_wait or gleaner_flush. */
gleaner_call *gleaner_submit(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
			     size_t output_capacity);
typedef void gleaner_callback(gleaner_call *call, gleaner_error error, size_t output_bytes, void *argument);
/* The same, and runs `callback` once when it has ended, within gleaner_poll, gleaner_wait,
 * gleaner_flush or gleaner_lease_close; the callback may free the call, submit others and flush. */
gleaner_call *gleaner_submit_callback(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
				      size_t output_capacity, gleaner_callback *callback, void *argument);
/* Sends and receives what can be without waiting; returns the call's error, or GLEANER_RUNNING. */
gleaner_error gleaner_poll(gleaner_call *call);
/* Waits for the call's end. */
gleaner_error gleaner_wait(gleaner_call *call);
/* Sends and receives for all calls of a lease without waiting. */
void gleaner_flush(gleaner_lease *lease);
size_t gleaner_call_output_bytes(const gleaner_call *call);
/* Only of a call that has ended, or was prepared and not sent. */
void gleaner_call_free(gleaner_call *call);

/* In place: prepares a call whose input is written to `*input`, which is aligned to 64 bytes. With
 * a worker on this host it is the shared memory that the worker reads, else memory of the library.
 * One call at a time is prepared for a worker, which gets no other call meanwhile: send it soon.
 * NULL if there is no memory or the input is over 64 MiB. */
gleaner_call *gleaner_prepare(gleaner_lease *lease, size_t input_bytes, void **input);
/* Begins it; gleaner_wait and gleaner_poll do that, too, if it was not done. From then on the input
 * is the library's. */
void gleaner_send(gleaner_call *call);
/* The output of a call that ended with GLEANER_OK, else NULL. A prepared call's is aligned to 64
 * bytes and stays until gleaner_call_free. In shared memory it takes room from the outputs that
 * follow: free calls roughly in the order in which they end. */
const void *gleaner_call_output(const gleaner_call *call);

/* What the last failure of this lease was, in a sentence; valid until the next failure. */
const char *gleaner_lease_message(const gleaner_lease *lease);
/* What an error means; of GLEANER_INVALID, what was invalid last in this thread. */
const char *gleaner_error_message(gleaner_error error);

#ifdef __cplusplus
}
#endif

#endif
