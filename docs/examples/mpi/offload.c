/* Sends half of the tasks to the lease, computes the other half, and then takes the answers. */
#include "offload.h"

#include <stdio.h>
#include <stdlib.h>

static void compute(const void *inputs, void *outputs, size_t task)
{
	(void)handler((const char *)inputs + task * kernel.input_bytes, (uint32_t)kernel.input_bytes,
		      (char *)outputs + task * kernel.output_bytes);
}

static bool take(gleaner_lease *lease, gleaner_call *call, const void *inputs, void *outputs, size_t task,
		 struct offloaded *offloaded)
{
	const gleaner_error error = gleaner_wait(call);
	if (error == GLEANER_FUNCTION_FAILED || error == GLEANER_OUTPUT_TOO_LARGE) {
		fprintf(stderr, "task %zu failed: %s\n", task, gleaner_lease_message(lease));
		return false;
	}
	/* No worker answered: the lease is over, or none was left in time. */
	if (error != GLEANER_OK) {
		compute(inputs, outputs, task);
		offloaded->returned++;
	} else
		offloaded->remote++;
	return true;
}

bool offload(gleaner_lease *lease, const void *inputs, void *outputs, size_t tasks, struct offloaded *offloaded)
{
	const size_t half = lease == NULL ? 0 : tasks / 2;
	gleaner_call **calls = calloc(half + 1, sizeof *calls);
	bool is_whole = calls != NULL;
	*offloaded = (struct offloaded){ 0 };
	for (size_t task = 0; is_whole && task < half; task++) {
		calls[task] = gleaner_submit(lease, (const char *)inputs + task * kernel.input_bytes, kernel.input_bytes,
					     (char *)outputs + task * kernel.output_bytes, kernel.output_bytes);
		is_whole = calls[task] != NULL;
	}
	for (size_t task = half; is_whole && task < tasks; task++) {
		/* Sends and receives what can be without waiting, so that workers are never idle. */
		if (lease != NULL)
			gleaner_flush(lease);
		compute(inputs, outputs, task);
	}
	for (size_t task = 0; calls != NULL && task < half && calls[task] != NULL; task++) {
		is_whole = take(lease, calls[task], inputs, outputs, task, offloaded) && is_whole;
		gleaner_call_free(calls[task]);
	}
	free(calls);
	return is_whole;
}
