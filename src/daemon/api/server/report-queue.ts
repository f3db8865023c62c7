// Reports of one user are made one after another.

import { UserSemaphores } from "../../../limits/semaphore.js";

/** Reports of one user that may wait. */
const maxReports = 20;

export const queueReports = (): UserSemaphores =>
  new UserSemaphores(1, {
    most: maxReports,
    refusal: "you ask for too many reports at once: wait until one is answered",
  });
