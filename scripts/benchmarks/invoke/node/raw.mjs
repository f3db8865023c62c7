// A bare ping-pong between two processes over the kind of socket that is the argument: what a call
// costs at least in this language.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { measure } from "./plan.mjs";

const lengthBytes = 4;
const maxCopiedBytes = 16 * 1024;
const [, file, kind, role] = process.argv;

if (role === "server") await serve();
else await ping();

/** Returns each message once all of it has arrived, as a function does; its length comes first. */
async function serve() {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on(
      "data",
      whole((pieces) => writeAll(socket, pieces)),
    );
    socket.on("close", () => process.exit());
  });
  const path = `\0gleaner-raw-${process.pid}`;
  if (kind === "tcp") server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  const where = kind === "tcp" ? { host: "127.0.0.1", port: server.address().port } : { path };
  process.stdout.write(`${JSON.stringify(where)}\n`);
}

/** Hands on the pieces of a message, one message at a time. */
function whole(take) {
  let pieces = [];
  let left = 0;
  return (piece) => {
    if (pieces.length === 0) left = piece.readUInt32LE(0);
    pieces.push(piece);
    left -= piece.length;
    if (left > 0) return;
    const all = pieces;
    pieces = [];
    take(all);
  };
}

function writeAll(socket, pieces) {
  socket.cork();
  for (const piece of pieces) socket.write(piece);
  socket.uncork();
}

async function ping() {
  const cpu = process.env.SERVER_CPU;
  const command = [process.execPath, file, kind, "server"];
  const [program, ...args] = cpu ? ["taskset", "-c", cpu, ...command] : command;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  const socket = connect({ ...JSON.parse(line), noDelay: true });
  await once(socket, "connect");
  let done = () => {};
  socket.on(
    "data",
    whole(() => done()),
  );
  const call = (input) =>
    new Promise((resolve) => {
      done = resolve;
      const head = Buffer.allocUnsafe(lengthBytes);
      head.writeUInt32LE(lengthBytes + input.length, 0);
      if (input.length > maxCopiedBytes) writeAll(socket, [head, input]);
      else socket.write(Buffer.concat([head, input]));
    });
  await measure(call, { withBursts: false });
  socket.destroy();
}
