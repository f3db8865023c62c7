// Semaphores: how many tasks run at once, in which order the others follow, and which are refused.

import { describe, expect, test } from "@jest/globals";
import { Semaphore, UserSemaphores } from "../../../src/limits/semaphore.js";

/** Tasks that end when they are told to, and the order in which they began. */
function createTasks() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const task = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
  };
  return { begun, task, end: (name: string) => ends.get(name)!() };
}

describe("a semaphore", () => {
  test("runs as many tasks as it has places, and the others in order", async () => {
    const { begun, task, end } = createTasks();
    const semaphore = new Semaphore(2);
    const all = ["a", "b", "c", "d"].map((name) => semaphore.run(task(name)));
    expect(begun).toEqual(["a", "b"]);
    end("b");
    await all[1];
    expect(begun).toEqual(["a", "b", "c"]);
    end("a");
    await all[0];
    end("c");
    end("d");
    expect(await Promise.all(all)).toEqual(["a", "b", "c", "d"]);
    expect(semaphore.isIdle).toBe(true);
  });

  test("gives the place of a task that fails to the next", async () => {
    const semaphore = new Semaphore(1);
    const failed = semaphore.run(() => Promise.reject(new Error("no")));
    const next = semaphore.run(() => Promise.resolve(1));
    await expect(failed).rejects.toThrow("no");
    expect(await next).toBe(1);
  });

  test("refuses a task if too many wait", async () => {
    const { begun, task, end } = createTasks();
    const semaphore = new Semaphore(1, { most: 1, refusal: "come back later" });
    const running = semaphore.run(task("a"));
    const waiting = semaphore.run(task("b"));
    const refused = { code: "LIMIT_REACHED", message: "come back later" };
    await expect(semaphore.run(task("c"))).rejects.toMatchObject(refused);
    end("a");
    await running;
    end("b");
    await waiting;
    expect(begun).toEqual(["a", "b"]);
  });
});

test("no user waits for the tasks of another user", async () => {
  const { begun, task, end } = createTasks();
  const semaphores = new UserSemaphores(1, { most: 0, refusal: "one at a time" });
  const first = semaphores.run(1, task("first"));
  await expect(semaphores.run(1, task("second"))).rejects.toThrow("one at a time");
  const other = semaphores.run(2, task("other"));
  expect(begun).toEqual(["first", "other"]);
  end("first");
  end("other");
  expect(await Promise.all([first, other])).toEqual(["first", "other"]);
});
