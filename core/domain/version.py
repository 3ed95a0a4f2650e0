"""A version: its number, its model card, its notes, and how wide its intervals are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.training_report import TrainingReport
from core.errors import InvalidInput

HEURISTIC = 0
"""The version number of "no model": the weighted mean that answers as the last resort."""


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version. Its artifact is found, and checked, by `artifact_hash`."""

    number: int
    snapshot_id: int
    run_id: str | None  # MLflow's; None until tracking could be reached
    artifact_hash: str
    report: TrainingReport
    created_at: datetime
    created_by: str

    @property
    def name(self) -> str:
        """Return the version's name, such as 'v3'.

        >>> version_name(3)
        'v3'
        """
        return version_name(self.number)


def version_name(number: int) -> str:
    """`v3`, or `heuristic` for the version that is no model.

    >>> version_name(0)
    'heuristic'
    """
    return "heuristic" if number == HEURISTIC else f"v{number}"


def parse_version(text: str) -> int:
    """The number of a version written as `v3`, `3` or `heuristic`; raises `InvalidInput`.

    >>> parse_version("v3"), parse_version("3"), parse_version("heuristic")
    (3, 3, 0)
    """
    cleaned = text.strip().lower()
    if cleaned == "heuristic":
        return HEURISTIC
    digits = cleaned.removeprefix("v")
    if not digits.isascii() or not digits.isdigit() or int(digits) == HEURISTIC:
        raise InvalidInput(
            f"'{text}' is not a version: write v3, 3 or heuristic; `versions` lists them."
        )
    return int(digits)


MAX_TEXT, MAX_TAG = 2_000, 40

_TAG = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class NoteKind(StrEnum):
    """The kind of a note's row."""

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


@dataclass(frozen=True, slots=True)
class Widening:
    """In force from `at` on, until a newer one of the same version; appended, never edited."""

    version: int
    at: datetime
    factor: float  # times the width that training found; below 1 they are narrower
    n_labels: int  # the newest ones, by which it was judged
    n_inside: int  # of them, within the width that training found
    since_at: datetime | None  # when the width left what training found; None where it is that


def describe_widening(widening: Widening) -> str | None:
    """Describe the change of the prediction intervals and its reason in a sentence; None without
    one.

    >>> from datetime import UTC
    >>> at = datetime(2026, 5, 3, 10, tzinfo=UTC)
    >>> said = describe_widening(Widening(7, at, 1.4, 300, 243, at))
    >>> said.partition(": ")[0]
    'Intervals are 1.4 times as wide as training found since 3 May 10:00 UTC'
    >>> said.partition(": ")[2]
    'as they were, only 81 % of the last 300 labels would lie inside, and 90 % should.'
    """
    if widening.since_at is None:
        return None
    since = f"{widening.since_at.day} {widening.since_at:%B %H:%M} UTC"
    only = "only " if widening.factor > 1 else ""
    share = 100 * widening.n_inside / widening.n_labels
    return (
        f"Intervals are {widening.factor:g} times as wide as training found since {since}: as they "
        f"were, {only}{share:.0f} % of the last {widening.n_labels} labels would lie inside, and "
        "90 % should."
    )
