"""A limit on uploads: Streamlit keeps an uploaded file in memory for as long as the page is
open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.errors import Refused

UPLOADS = "/_stcore/upload_file/"
_MAX_FILES = 20


@dataclass(frozen=True, slots=True)
class UploadRules:
    """The limits of one open page; `list_sizes` says what it holds, in bytes a file."""

    max_bytes: int  # of all its files together
    list_sizes: Callable[[str], list[int]]

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Raise `Refused` for an upload that does not say how long it is, and for one with which
        the page would hold too much."""
        length = headers.get("content-length", "")
        if not length.isdecimal():
            raise Refused("An upload has to say how long it is (Content-Length).")
        held = self.list_sizes(path.partition(UPLOADS)[2].partition("/")[0])
        if len(held) >= _MAX_FILES or sum(held) + int(length) > self.max_bytes:
            raise Refused(
                "This page holds as many uploaded files as it may: remove one, or reload the page."
            )
