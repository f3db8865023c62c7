"""Runs the vectors of the direct path: those that a client sends are written, those of a worker are
read, and those of transports that this client does not have are refused."""

import json
import sys

from gleaner.direct import frames

folder = sys.argv[1]
SENT = {"clientHello": 32, "clientProof": 34, "call": 5, "cancel": 6, "bye": 10}
READ = {
    **{"result": 7, "error": 8, "bye": 10, "workerHello": 33, "accepted": 35, "refused": 36},
    **{"busy": 37, "terminating": 38, "ended": 39},
}


def load(name):
    with open(f"{folder}/{name}.json", encoding="utf-8") as file:
        return json.load(file)


def metadata_of(vector):
    if "call" not in vector:
        return vector.get("contentType", "").encode()
    call = vector["call"]
    return frames.call_head(call["deadlineMs"], call["attempt"], call["contentType"], call["name"])


def payload_of(vector):
    if "fields" in vector:
        return frames.encode_fields(vector["fields"])
    return bytes.fromhex(vector["payload"])


def refuses(data):
    try:
        frames.decode_header(data)
    except frames.FrameError:
        return True
    return False


vectors = load("frames")
for each in vectors["frames"]:
    data, type, name = bytes.fromhex(each["hex"]), each["type"], each["name"]
    if type in SENT:
        metadata, payload = metadata_of(each), payload_of(each)
        head = frames.encode_head(SENT[type], each["id"], metadata, len(payload))
        assert head + payload == data, name
    if type in READ:
        found, id, metadata_bytes, payload_bytes = frames.decode_header(data)
        begin = frames.HEADER_BYTES + metadata_bytes
        assert (found, id, begin + payload_bytes) == (READ[type], each["id"], len(data)), name
        assert data[frames.HEADER_BYTES : begin] == metadata_of(each), name
        if "fields" in each:
            assert frames.decode_fields(data[begin:]) == each["fields"], name
        else:
            assert data[begin:] == payload_of(each), name
    else:
        assert refuses(data), name
for each in vectors["invalid"]:
    assert refuses(bytes.fromhex(each["hex"])), each["name"]

handshake = load("handshake")
for each in handshake["proofs"]:
    about = (each["worker"], each["clientNonce"], each["workerNonce"])
    key = bytes.fromhex(each["key"])
    assert frames.proof_of(key, "client", *about) == each["clientProof"]
    assert frames.is_proof(each["workerProof"], key, "worker", *about)
first = handshake["proofs"][0]
about = (first["worker"], first["clientNonce"], first["workerNonce"])
for each in handshake["refused"]:
    key = bytes.fromhex(first["key"])
    assert not frames.is_proof(each["proof"], key, each["side"], *about), each["name"]
print(f"{len(vectors['frames'])} frames, {len(vectors['invalid'])} invalid")
