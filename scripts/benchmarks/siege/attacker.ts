// One kind of attack, in its own process: attackers.ts starts it with its kind and target, and it
// reports each second what it did.

import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { ask, dial, head, submission, type Target } from "./requests.js";

/** How long to wait for answers to the last requests. */
const lastAnswersMs = 10_000;
const sleeping = { kind: "argv" as const, argv: ["/bin/sleep", "5"] };

/** The counts so far; each must have grown between two checks. */
export type Counts = Record<string, number>;

const counts: Counts = {};
let isOver = false;
const count = (what: string, by = 1): void => {
  counts[what] = (counts[what] ?? 0) + by;
};

/** Keeps `most` connections of a kind open, each opened by `begin`. */
async function keepOpen(most: number, port: number, begin: (socket: Socket) => void) {
  let open = 0;
  while (!isOver) {
    if (open >= most) {
      await pause(20);
      continue;
    }
    const socket = await dial(port);
    if (socket === null) {
      await pause(50);
      continue;
    }
    open++;
    count("opened");
    counts.mostOpen = Math.max(counts.mostOpen ?? 0, open);
    socket.on("error", () => {});
    socket.once("close", () => {
      open--;
    });
    begin(socket);
  }
}

/** Writes as fast as the peer accepts, forever. */
function pour(socket: Socket, chunk: Buffer): void {
  const write = () => {
    while (!socket.destroyed && socket.write(chunk)) count("bytes", chunk.length);
  };
  socket.on("drain", write);
  socket.resume();
  write();
}

/** In rounds of `inFlight`; if the daemon is away, it retries a little later. */
async function repeat(inFlight: number, once: () => Promise<{ status: number } | null>) {
  const loop = async () => {
    while (!isOver) {
      const answer = await once();
      count(answer === null ? "unanswered" : `status${answer.status}`);
      if (answer === null || answer.status === 429) await pause(50);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
}

async function submitRepeatedly(target: Target, inFlight: number, body: () => [string, number]) {
  await repeat(inFlight, async () => {
    const [text, tasks] = body();
    const answer = await ask(target, "POST", "/v1/invocations", text);
    if (answer?.status === 200) count("accepted", tasks);
    return answer;
  });
}

const kinds: Readonly<Record<string, (target: Target) => Promise<void>>> = {
  /** Without identity: bodies that never end, with both kinds of length. */
  bodies: ({ port }) => {
    const chunk = Buffer.concat([
      Buffer.from("8000\r\n"),
      Buffer.alloc(32_768, "x"),
      Buffer.from("\r\n"),
    ]);
    return keepOpen(300, port, (socket) => {
      const announced = Math.random() < 0.5 ? "chunked" : 6_000_000;
      socket.write(head({ port, token: "none" }, "POST", "/v1/token", announced));
      pour(socket, chunk);
    });
  },
  /** Without identity: heads that never end. */
  heads: ({ port }) =>
    keepOpen(2_500, port, (socket) => {
      socket.write("GET /v1/info HTTP/1.1\r\nHost: x\r\nA: ");
      socket.resume();
    }),
  /** Large submissions that stop before their end. */
  uploads: (target) =>
    keepOpen(300, target.port, (socket) => {
      socket.write(head(target, "POST", "/v1/invocations", 6_000_000));
      const part = Buffer.alloc(5_000_000, "[");
      socket.write(part, () => count("bytes", part.length));
      socket.resume();
    }),
  /** Submissions at the limit, each with another script. */
  huge: (target) =>
    submitRepeatedly(target, 8, () => {
      const script = `#!/bin/sh\nexit 0\n#${randomBytes(2_000_000).toString("hex")}`;
      const environment = { LARGE: randomBytes(400_000).toString("hex") };
      const command = { kind: "script" as const, body: script, args: [] };
      return [submission("huge", { command, environment }), 1];
    }),
  /** Small ones, and as many arrays at the limit, so that the part of the queue is soon full. */
  flood: (target) =>
    submitRepeatedly(target, 64, () => {
      if (Math.random() < 0.5) return [submission(randomBytes(60).toString("hex")), 1];
      const arrayTasks = Array.from({ length: 10_000 }, (_, task) => task);
      return [submission("array", { arrayTasks }), arrayTasks.length];
    }),
  /**
   * Large arrays with irregular task numbers, each of 9,000 runs; all are cancelled once there is
   * no room for more.
   */
  irregular: (target) =>
    repeat(8, async () => {
      const arrayTasks = irregularTasks();
      const answer = await ask(
        target,
        "POST",
        "/v1/invocations",
        submission("irregular", { arrayTasks, command: sleeping }),
      );
      if (answer?.status === 200) count("accepted", arrayTasks.length);
      if (answer?.status !== 429) return answer;
      const all = JSON.stringify({ ids: [], state: "PENDING", name: "irregular" });
      if ((await ask(target, "POST", "/v1/cancel", all))?.status === 200) count("cancels");
      return answer;
    }),
  /** Many clients wait for one array, which does not end meanwhile. */
  waiters: async (target) => {
    const arrayTasks = Array.from({ length: 10_000 }, (_, task) => task);
    let id: number | null = null;
    while (id === null) {
      const body = submission("awaited", { arrayTasks, command: sleeping });
      const answer = await ask(target, "POST", "/v1/invocations", body);
      if (answer?.status === 200) id = (JSON.parse(answer.body) as { id: number }).id;
      else await pause(100);
    }
    count("accepted", arrayTasks.length);
    await keepOpen(450, target.port, (socket) => {
      socket.write(head(target, "GET", `/v1/invocations/${id}/wait`, 0));
      socket.on("data", (chunk) => count("bytes", chunk.length));
    });
  },
  /** Long lists that nobody reads. */
  readers: (target) =>
    keepOpen(300, target.port, (socket) => {
      const path = Math.random() < 0.5 ? "?states=PENDING,RUNNING" : "";
      socket.write(head(target, "GET", `/v1/invocations${path}`, 0));
      socket.pause();
    }),
  /** Everything that can be requested, as fast as it is answered. */
  lists: (target) => {
    const paths = [
      "/v1/invocations?states=PENDING,RUNNING",
      "/v1/invocations",
      "/v1/info",
      "/v1/holes",
      "/v1/bill",
      "/v1/utilization",
      "/v1/invocations?ids=1,2,3",
    ];
    let at = 0;
    return repeat(64, () => ask(target, "GET", paths[at++ % paths.length]!));
  },
};

/** Pairs of numbers, which are a run each, because the gaps between them differ. */
function irregularTasks(): number[] {
  let task = 0;
  return Array.from({ length: 9_000 }, () => {
    task += 3 + Math.floor(Math.random() * 5);
    return [task, task + 1];
  }).flat();
}

let attack: Promise<void> = Promise.resolve();
/** "stop": requests in progress are still counted, then the process ends. */
process.on("message", async (message: { kind: string; target: Target } | "stop") => {
  if (message === "stop") {
    isOver = true;
    await Promise.race([attack, pause(lastAnswersMs)]);
    process.send!(counts, () => process.exit(0));
    return;
  }
  setInterval(() => process.send!(counts), 500);
  attack = kinds[message.kind]!(message.target);
});
process.on("disconnect", () => process.exit(0));
