"""Notes and tags: what people say of a version; appended, with who and when."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import InvalidInput

MAX_TEXT, MAX_TAG = 2_000, 40

_TAG = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class NoteKind(StrEnum):
    """What a row says."""

    NOTE = "note"
    TAG = "tag"
    UNTAG = "untag"


@dataclass(frozen=True, slots=True)
class Note:
    """`text` is a note's sentence, or the tag that is given or taken away."""

    version: int
    kind: NoteKind
    text: str
    at: datetime
    by: str


def parse_note(kind: NoteKind, text: str) -> str:
    """The text as it is kept; a tag in small letters. Raises `InvalidInput`.

    >>> parse_note(NoteKind.TAG, " Candidate "), parse_note(NoteKind.NOTE, " Errs on go. ")
    ('candidate', 'Errs on go.')
    """
    cleaned = text.strip()
    if kind is NoteKind.NOTE:
        if not cleaned or len(cleaned) > MAX_TEXT:
            raise InvalidInput(f"A note has 1 to {MAX_TEXT:,} characters; this has {len(cleaned)}.")
        return cleaned
    tag = cleaned.lower()
    if len(tag) > MAX_TAG or not _TAG.fullmatch(tag):
        raise InvalidInput(
            f"'{cleaned[:MAX_TAG]}' is not a tag: use at most {MAX_TAG} letters a to z, digits, "
            "dots, dashes and underscores, such as 'do-not-deploy'."
        )
    return tag


def list_tags(notes: Sequence[Note]) -> tuple[str, ...]:
    """The tags in force, by the notes of one version, oldest first.

    >>> kinds = (NoteKind.TAG, "a"), (NoteKind.TAG, "b"), (NoteKind.UNTAG, "a")
    >>> list_tags([Note(1, kind, text, datetime.max, "ana") for kind, text in kinds])
    ('b',)
    """
    found: dict[str, None] = {}
    for note in notes:
        if note.kind is NoteKind.TAG:
            found[note.text] = None
        elif note.kind is NoteKind.UNTAG:
            found.pop(note.text, None)
    return tuple(found)
