"""Sends frames that were mutated and cut to the compiled part of a worker: it takes the calls that
are whole, as the code in Python reads them, and leaves everything else as it came."""

import json
import random
import select
import socket
import sys

sys.path.insert(0, sys.argv[1])
from glean_runtime import frames  # noqa: E402
from glean_runtime.serving.extension import extension  # noqa: E402

chance = random.Random(7)
with open(sys.argv[2], encoding="utf-8") as file:
    vectors = [bytes.fromhex(each["hex"]) for each in json.load(file)["frames"]]
calls = [each for each in vectors if each[4] == frames.CALL]
room = bytearray(16 * 1024)
view = memoryview(room)


def mutated():
    data = bytearray(chance.choice(calls if chance.random() < 0.7 else vectors))
    for _ in range(chance.randrange(4)):
        data[chance.randrange(min(28, len(data)))] = chance.choice((0, 1, 5, 8, 24, 64, 128, 255))
    if chance.random() < 0.2:
        del data[chance.randrange(1, len(data) + 1) :]
    return bytes(data)


taken = 0
for _ in range(4_000):
    data = mutated() + (mutated() if chance.random() < 0.1 else b"")
    ours, theirs = socket.socketpair()
    epoll = select.epoll()
    epoll.register(ours.fileno(), select.EPOLLIN)
    theirs.sendall(data)
    answer = (frames.RESULT, 1, b"x" * chance.randrange(100), b"text/plain")
    got = extension.next(epoll.fileno(), ours.fileno(), room, 0.0, answer)
    assert theirs.recv(4096) == frames.encode(*answer)
    if isinstance(got, tuple):
        id, content_type, metadata, payload = got
        frames.check_header(data, 0, frames.CLIENT_RULES)
        assert frames.encode(frames.CALL, id, payload, metadata) == data
        assert frames.decode_call_head(metadata)[2] == content_type
        taken += 1
    else:
        assert got == len(data) and view[:got] == data
    for each in (ours, theirs, epoll):
        each.close()
for wrong in ((), (1, 2, 3, 4, 5), (0, 0, room, 0.0, ("x",)), (0, 0, room, 0.0, (1, 2, "x", b""))):
    try:
        extension.next(*wrong)
    except (TypeError, ValueError):
        continue
    raise AssertionError(wrong)
assert taken > 500, taken
print("taken or left")
