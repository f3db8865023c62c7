"""The runtime for functions in Python: `python3 FOLDER` is a worker, `python3 FOLDER --parent` forks
workers; both speak to their executor over descriptor 3."""

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    # Handlers must not import what lies here by accident.
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    sys.path.insert(0, here)
    from glean_runtime.connection import Connection
    from glean_runtime.greeting import greet

    connection = Connection()
    # Its executor answers while the rest is imported.
    greet(connection)
    from glean_runtime.main import main

    sys.path.remove(here)
    sys.exit(main(sys.argv[1:], connection))
