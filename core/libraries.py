"""Libraries that are imported when they are first needed, by one thread at a time: of two threads
that import parts of one in different orders, Python lets one see a part that is half made."""

import importlib
import threading

IMPORTING = threading.RLock()
"""Held by whoever imports a large library later than at the start."""


def import_library(name: str) -> None:
    """Import a library, or a module of the product with all that it needs, for whoever uses it
    later."""
    with IMPORTING:
        importlib.import_module(name)
