/* Starts the process of a task. */
#ifndef GLEANER_ATTACH_START_H
#define GLEANER_ATTACH_START_H

#include "attach_task.h"

/* Fills in the task's pid and our ends; returns an errno, or 0. */
int start_process(struct task *task, char **argv, const struct session *session, bool gets_input);

#endif
