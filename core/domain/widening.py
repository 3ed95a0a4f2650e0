"""Widening: how much wider a version's intervals are than training found them, going by labels."""

from dataclasses import dataclass
from datetime import datetime


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
    """What is done to the intervals and why, as a sentence; None where nothing is.

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
