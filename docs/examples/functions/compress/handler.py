# Compresses its input as gzip does; the same input always gives the same bytes.

import gzip


def handler(content):
    if not isinstance(content, bytes):
        raise TypeError("send bytes: glean invoke compress --type application/octet-stream")
    packed = gzip.compress(content, compresslevel=6, mtime=0)
    print(f"{len(content)} bytes became {len(packed)}")
    return packed
