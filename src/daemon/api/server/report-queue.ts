// Makes the reports of one user one after another.

import { UserSemaphores } from "../../../limits/semaphore.js";

/** The most reports of one user that may wait. */
const maxReports = 20;

export const queueReports = (): UserSemaphores =>
  new UserSemaphores(1, {
    most: maxReports,
    refusal: "you requested too many reports at once: wait until one is answered",
  });
