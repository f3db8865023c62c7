// A fair semaphore: how much runs at once, and whose task follows.

import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { FairSemaphore } from "../../../src/limits/fair-semaphore.js";

const [ada, bob, cleo] = [1, 2, 3];

/** Begins tasks that end when told to, and notes which have begun. */
function createTasks(semaphore: FairSemaphore) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const add = (uid: number, size: number, name: string) => {
    const task = () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    };
    void semaphore.run(uid, size, task);
  };
  const endFirst = async () => {
    ends.shift()!();
    await turn();
  };
  return { begun, add, endFirst };
}

describe("a fair semaphore", () => {
  test("lets a user with many tasks delay another by one of them", async () => {
    const { begun, add, endFirst } = createTasks(new FairSemaphore(1));
    for (let each = 1; each <= 33; each++) add(ada, 1, `ada ${each}`);
    add(bob, 1, "bob 1");
    add(bob, 1, "bob 2");
    add(cleo, 1, "cleo 1");
    for (let each = 1; each <= 6; each++) await endFirst();
    expect(begun).toEqual(["ada 1", "ada 2", "bob 1", "cleo 1", "ada 3", "bob 2", "ada 4"]);
  });

  test("runs tasks up to a sum of sizes, and lets nobody pass one that waits for room", async () => {
    const { begun, add, endFirst } = createTasks(new FairSemaphore(10));
    add(ada, 6, "six");
    add(ada, 4, "four");
    add(ada, 10, "all");
    add(bob, 1, "one");
    expect(begun).toEqual(["six", "four"]);
    await endFirst();
    expect(begun).toEqual(["six", "four"]);
    await endFirst();
    expect(begun).toEqual(["six", "four", "all"]);
    await endFirst();
    expect(begun).toEqual(["six", "four", "all", "one"]);
  });

  test("gives the room of a task that fails to the next", async () => {
    const semaphore = new FairSemaphore(1);
    const failed = semaphore.run(ada, 1, () => Promise.reject(new Error("no")));
    const next = semaphore.run(bob, 1, () => Promise.resolve("done"));
    await expect(failed).rejects.toThrow("no");
    expect(await next).toBe("done");
  });
});
