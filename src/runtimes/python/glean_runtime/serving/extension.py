"""The compiled steps of a call, if the SDK's native part could be compiled; Python does the same
without them. $GLEANER_PURE_PYTHON=1 refuses them."""

from __future__ import annotations

import os

extension = None
if os.environ.get("GLEANER_PURE_PYTHON") != "1":
    try:
        from . import _exchange as extension
    except ImportError:
        pass  # it was not compiled, or is not for this interpreter
