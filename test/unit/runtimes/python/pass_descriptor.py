"""Asks a parent for a worker whose connection is passed with SCM_RIGHTS, and calls it; run by parent.test.ts."""

import os
import socket
import subprocess
import sys

folder, directory = sys.argv[1:]
sys.path.insert(0, folder)
from glean_runtime import connection, frames  # noqa: E402

near, far = socket.socketpair()


def take_3():
    os.dup2(far.fileno(), 3)


parent = subprocess.Popen(
    [sys.executable, "-B", folder, "--parent"], preexec_fn=take_3, close_fds=False
)
far.close()
load = {"directory": directory, "concurrency": 1, "outputLimitBytes": 99, "logLimitBytes": 99}
channel = connection.Connection(near.detach())
assert channel.read().type == frames.HELLO
channel.send_fields(frames.LOAD, 0, load)
assert channel.read().type == frames.LOADED

ours, worker_end = socket.socketpair()
socket.send_fds(channel.socket, [frames.encode(frames.FORK, 1)], [worker_end.fileno()])
worker_end.close()
assert channel.read().type == frames.FORKED

worker = connection.Connection(ours.detach())
assert worker.read().type == frames.HELLO
worker.send_fields(frames.LOAD, 0, load)
assert worker.read().type == frames.LOADED
worker.send(frames.CALL, 1, metadata=frames.CALL_HEAD.pack(0, 1, 0))
result = worker.read()
assert result.type == frames.RESULT and int(result.payload) == parent.pid, result
worker.close()
assert channel.read().type == frames.CHILD_ENDED
channel.close()
assert parent.wait() == 0
print("forked and called")
