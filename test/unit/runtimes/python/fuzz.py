"""Sends frames that were mutated and cut to the compiled part of a worker: it takes the calls that
are whole, as the code in Python reads them, begins the others, and leaves everything else as it
came."""

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


def long_call():
    """One whose payload does not fit into the room."""
    payload = chance.randbytes(chance.choice((16_300, 16_500, 70_000)))
    return frames.encode(frames.CALL, 1, payload, frames.CALL_HEAD.pack(0, 1, 3) + b"a/bname")


def mutated():
    kinds = (calls, calls, vectors, [long_call()])
    data = bytearray(chance.choice(chance.choice(kinds)))
    for _ in range(chance.randrange(4)):
        data[chance.randrange(min(28, len(data)))] = chance.choice((0, 1, 5, 8, 24, 64, 128, 255))
    if chance.random() < 0.2:
        del data[chance.randrange(1, len(data) + 1) :]
    return bytes(data)


taken = begun = 0
for _ in range(4_000):
    data = mutated() + (mutated() if chance.random() < 0.1 else b"")
    ours, theirs = socket.socketpair()
    epoll = select.epoll()
    epoll.register(ours.fileno(), select.EPOLLIN)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    theirs.sendall(data)
    answer = (frames.RESULT, 1, b"x" * chance.choice((0, 99, 20_000)), b"text/plain")
    asked = chance.choice((16, 40, len(room)))
    got = extension.next(epoll.fileno(), ours.fileno(), room, 0.0, answer, asked)
    assert theirs.recv(32_768) == frames.encode(*answer)
    if isinstance(got, tuple):
        id, content_type, metadata, payload = got
        frames.check_header(data, 0, frames.CLIENT_RULES)
        is_begun = isinstance(content_type, int)
        payload_bytes = content_type if is_begun else len(payload)
        head = frames.encode_head(frames.CALL, id, metadata, payload_bytes)
        assert data == head + payload if is_begun else data.startswith(head + payload)
        assert is_begun or frames.decode_call_head(metadata)[2] == content_type
        assert len(payload) < payload_bytes if is_begun else True
        taken += not is_begun
        begun += is_begun
    else:
        assert got == min(len(data), asked) and view[:got] == data[:got]
    for each in (ours, theirs, epoll):
        each.close()
for wrong in (
    (),
    (1, 2, 3, 4, 5, 6),
    (0, 0, room, 0.0, ("x",), 9),
    (0, 0, room, 0.0, (1, 2, "x", b""), 9),
    (0, 0, room, 0.0, None, 0),
    (0, 0, room, 0.0, None, len(room) + 1),
):
    try:
        extension.next(*wrong)
    except (TypeError, ValueError):
        continue
    raise AssertionError(wrong)
assert taken > 500 and begun > 100, (taken, begun)
print("taken or left")
