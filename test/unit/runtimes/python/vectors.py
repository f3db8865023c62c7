"""Checks the Python runtime's codec against the vectors that all runtimes share; run by vectors.test.ts."""

import json
import sys

sys.path.insert(0, sys.argv[1])
from glean_runtime import frames  # noqa: E402

TYPES = [
    "hello", "load", "loaded", "loadFailed", "call", "cancel", "result", "error", "log", "bye",
    "fork", "forked", "forkFailed", "childEnded",
    "serve", "serving", "usage", "terminating",
]  # fmt: skip

DIRECT_TYPES = {
    **{5: "call", 6: "cancel", 7: "result", 8: "error", 10: "bye"},
    **dict(enumerate([
        "clientHello", "workerHello", "clientProof", "accepted", "refused", "busy", "terminating",
        "ended", "shmOpen", "shmAccepted", "ofiOpen", "ofiAccepted",
    ], 32)),
}  # fmt: skip
IS_DIRECT = "/direct/" in sys.argv[2]
RULES = frames.DIRECT_RULES if IS_DIRECT else frames.WORKER_RULES
NAMES = DIRECT_TYPES if IS_DIRECT else dict(enumerate(TYPES, 1))

with open(sys.argv[2], encoding="utf-8") as file:
    vectors = json.load(file)

for vector in vectors["frames"]:
    name, data = vector["name"], bytes.fromhex(vector["hex"])
    header = frames.decode_header(data[:16], RULES)
    assert NAMES[header.type] == vector["type"], name
    assert header.id == vector["id"], name
    assert 16 + header.metadata_bytes + header.payload_bytes == len(data), name
    metadata = data[16 : 16 + header.metadata_bytes]
    payload = data[16 + header.metadata_bytes :]
    assert frames.encode(header.type, header.id, payload, metadata) == data, name
    if "fields" in vector:
        assert frames.decode_fields(payload) == vector["fields"], name
        assert frames.encode_fields(vector["fields"]) == payload, name
    else:
        assert payload.hex() == vector["payload"], name
    if "call" in vector:
        call = vector["call"]
        assert frames.decode_call_head(metadata) == (
            call["deadlineMs"], call["attempt"], call["contentType"], call["name"],
        ), name  # fmt: skip
    if "contentType" in vector:
        assert metadata.decode() == vector["contentType"], name
    if "stream" in vector:
        assert metadata[0] == 1 + ["stdout", "stderr"].index(vector["stream"]), name

for vector in vectors["invalid"]:
    try:
        frames.decode_header(bytes.fromhex(vector["hex"]), RULES)
    except frames.ProtocolError:
        continue
    raise AssertionError(vector["name"])

print(len(vectors["frames"]), len(vectors["invalid"]))
