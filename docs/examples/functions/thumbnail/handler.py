# Makes a thumbnail of a picture: bytes in, bytes out.

import io

from PIL import Image

SIZE = (200, 200)


def handler(picture):
    with Image.open(io.BytesIO(picture)) as image:
        image.thumbnail(SIZE)
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=85)
    return out.getvalue()
