"""Sends frames that were mutated, made up and cut to the SDK's reader: it ends with the frames that
were sent, or with an error, and makes no room for what a header only claims."""

import json
import random
import socket
import sys

from gleaner.direct import extension, frames
from gleaner.direct.reader import Reader

folder, seed = sys.argv[1], int(sys.argv[2])
chance = random.Random(seed)
with open(f"{folder}/frames.json", encoding="utf-8") as file:
    vectors = [bytes.fromhex(each["hex"]) for each in json.load(file)["frames"]]


def mutated():
    data = bytearray(chance.choice(vectors))
    for _ in range(chance.randrange(4)):
        data[chance.randrange(min(24, len(data)))] = chance.choice((0, 1, 7, 8, 37, 39, 64, 255))
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    return bytes(data)


def long():
    """Beyond the room in which short frames are read."""
    payload = chance.randbytes(chance.choice((8_150, 8_200, 70_000)))
    return frames.encode_head(frames.RESULT, 1, b"text/plain", len(payload)) + payload


def sent():
    kinds = (mutated, mutated, long, lambda: chance.randbytes(chance.randrange(64)))
    return b"".join(chance.choice(kinds)() for _ in range(chance.randrange(1, 6)))


def received(reader, ours, data):
    """What the compiled part takes of it, which is the result of the call whose id comes first."""
    id = int.from_bytes(data[8:16], "little") % 2**53
    asked = reader.ask_bytes = chance.choice((16, 40, len(reader.room)))
    limits = (-1.0, -1.0)
    got = extension.exchange(
        ours.fileno(), reader.room, frames.CALL, id, b"", b"", -1, 0, asked, *limits
    )
    if not isinstance(got, tuple):
        reader.take_in(got)
        return b""
    type, content_type, payload = got
    head = frames.encode_head(type, id, content_type.encode("latin-1"), len(payload))
    assert frames.decode_header(head)[:2] == (frames.RESULT, id)
    return head + payload


refused = 0
for _ in range(4_000):
    data = sent()
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    reader = Reader(ours)
    theirs.sendall(data)
    theirs.shutdown(socket.SHUT_WR)
    read = b""
    try:
        if extension.exchange is not None:
            read = received(reader, ours, data)
        while True:
            type, id, metadata, payload = reader.frame(None)
            read += frames.encode_head(type, id, metadata, len(payload)) + payload
    except (EOFError, frames.FrameError) as error:
        refused += isinstance(error, frames.FrameError)
    assert data.startswith(read), f"seed {seed}: read {read!r} of {data!r}"
    ours.close()
    theirs.close()
print(f"{refused} refused")
