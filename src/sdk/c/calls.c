/* Calls: how they begin, are waited for, and end. */
#include <stdlib.h>

#include "internal.h"

gleaner_call *call_make(gleaner_lease *lease, size_t input_bytes)
{
	gleaner_call *call = malloc(sizeof *call);
	if (call != NULL)
		*call = (gleaner_call){
			.lease = lease, .input_bytes = input_bytes, .error = GLEANER_RUNNING, .attempt = 1,
		};
	return call;
}

void call_queue(gleaner_call *call)
{
	gleaner_lease *lease = call->lease;
	if (lease->last == NULL)
		lease->first = call;
	else
		lease->last->next = call;
	lease->last = call;
}

gleaner_call *gleaner_submit_callback(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
				      size_t output_capacity, gleaner_callback *callback, void *argument)
{
	if (check_call(lease, input, input_bytes, output, output_capacity) != GLEANER_OK)
		return NULL;
	gleaner_call *call = call_make(lease, input_bytes);
	if (call == NULL)
		return NULL;
	call->input = input;
	call->output = output;
	call->output_capacity = output_capacity;
	call->callback = callback;
	call->argument = argument;
	lease->now_ms = now_ms();
	call->deadline_ms = lease->now_ms + lease->deadline_ms;
	lease->unended++;
	call_queue(call);
	return call;
}

gleaner_call *gleaner_submit(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
			     size_t output_capacity)
{
	return gleaner_submit_callback(lease, input, input_bytes, output, output_capacity, NULL, NULL);
}

void gleaner_flush(gleaner_lease *lease)
{
	if (lease != NULL)
		lease_pump(lease, false);
}

gleaner_error gleaner_poll(gleaner_call *call)
{
	if (check_made(call) != GLEANER_OK)
		return GLEANER_INVALID;
	if (call->is_unsent)
		gleaner_send(call);
	if (call->error == GLEANER_RUNNING)
		lease_pump(call->lease, false);
	return call->error;
}

gleaner_error gleaner_wait(gleaner_call *call)
{
	if (check_made(call) != GLEANER_OK)
		return GLEANER_INVALID;
	if (call->is_unsent)
		gleaner_send(call);
	/* A callback may free the call, but not while it is waited for. */
	while (call->error == GLEANER_RUNNING)
		lease_pump(call->lease, true);
	return call->error;
}

size_t gleaner_call_output_bytes(const gleaner_call *call)
{
	return call == NULL ? 0 : call->output_bytes;
}

void gleaner_call_free(gleaner_call *call)
{
	if (call != NULL && (call->error != GLEANER_RUNNING || call->is_unsent))
		call_release(call);
}

gleaner_error gleaner_invoke(gleaner_lease *lease, const void *input, size_t input_bytes, void *output,
			     size_t output_capacity, size_t *output_bytes)
{
	if (check_call(lease, input, input_bytes, output, output_capacity) != GLEANER_OK)
		return GLEANER_INVALID;
	gleaner_call *call = gleaner_submit(lease, input, input_bytes, output, output_capacity);
	if (call == NULL)
		return GLEANER_NO_MEMORY;
	gleaner_error error = gleaner_wait(call);
	if (output_bytes != NULL)
		*output_bytes = call->output_bytes;
	call_release(call);
	return error;
}

gleaner_error gleaner_map(gleaner_lease *lease, size_t count, const void *inputs, size_t input_bytes,
			  void *outputs, size_t output_capacity, size_t *output_bytes)
{
	gleaner_error first = GLEANER_OK;
	if (count == 0)
		return GLEANER_OK;
	if (check_call(lease, inputs, input_bytes, outputs, output_capacity) != GLEANER_OK)
		return GLEANER_INVALID;
	gleaner_call **calls = calloc(count, sizeof(gleaner_call *));
	if (calls == NULL)
		return GLEANER_NO_MEMORY;
	for (size_t at = 0; at < count; at++)
		calls[at] = gleaner_submit(lease, (const char *)inputs + at * input_bytes, input_bytes,
					   (char *)outputs + at * output_capacity, output_capacity);
	for (size_t at = 0; at < count; at++) {
		gleaner_error error = calls[at] == NULL ? GLEANER_NO_MEMORY : gleaner_wait(calls[at]);
		if (first == GLEANER_OK)
			first = error;
		if (output_bytes != NULL)
			output_bytes[at] = calls[at] == NULL ? 0 : calls[at]->output_bytes;
		gleaner_call_free(calls[at]);
	}
	free(calls);
	return first;
}
