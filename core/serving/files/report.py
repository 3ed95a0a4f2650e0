"""The report of a scored file, added up from the summaries of its parts; pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core import text
from core.domain.prediction import AnswerSource

REJECTED = "rejected"
"""The source of a row that was read but not scored, because of one of its values."""

_UNSCORED = (AnswerSource.FAILED, AnswerSource.REFUSED)
MAX_REJECTED = 1_000
_MAX_REASONS = 100
_OTHER = "other reasons"


@dataclass(frozen=True, slots=True)
class RejectedFileRow:
    """A row of the file by its number from 1, and the reason why it has no score."""

    row: int
    message: str


@dataclass(frozen=True, slots=True)
class PartSummary:
    """The counts of a part. Rows that could not be read are rejected too, but are not in the
    part."""

    n_rows: int
    sources: dict[str, int]  # number of rows by source
    n_unreadable: int
    fallbacks: dict[str, int]  # number of rows without a model's answer, by reason
    rejected: tuple[RejectedFileRow, ...]  # the first thousand
    odd: dict[str, int] = field(default_factory=dict)  # values that count as missing, by column


@dataclass(frozen=True, slots=True)
class FileReport:
    """The counts, duration and notes of a scored file."""

    out: str
    version: str
    n_rows: int  # in the output
    n_model: int
    n_heuristic: int
    n_failed: int
    n_rejected: int  # with the unreadable ones
    n_unreadable: int  # left out of the output
    fallbacks: dict[str, int]
    rejected: tuple[RejectedFileRow, ...]
    n_resumed: int  # rows of the output that earlier attempts had scored
    seconds: float  # of this attempt
    rows_per_second: float | None  # of this attempt; None where nothing was left to score
    logged: bool = False  # a file's predictions are never in the log
    notes: tuple[str, ...] = field(default=())


def summarize_part(
    sources: Sequence[str],
    reasons: Sequence[str | None],
    numbers: Sequence[int],
    unreadable: Sequence[RejectedFileRow],
    odd: Mapping[str, int] | None = None,
) -> PartSummary:
    """Return the summary of a part: for each of its rows the source of the answer, the reason if no
    model gave it, and its number in the file; and the rows that could not be read.

    >>> part = summarize_part(["model", "rejected"], [None, "bad"], [1, 2], [])
    >>> part.sources, part.rejected
    ({'model': 1, 'rejected': 1}, (RejectedFileRow(row=2, message='bad'),))
    """
    rejected = [
        RejectedFileRow(number, str(reason))
        for source, reason, number in zip(sources, reasons, numbers, strict=True)
        if source == REJECTED
    ]
    fallbacks = Counter(
        str(reason)
        for source, reason in zip(sources, reasons, strict=True)
        if source in (AnswerSource.HEURISTIC, *_UNSCORED)
    )
    every = sorted([*rejected, *unreadable], key=lambda one: one.row)
    return PartSummary(
        n_rows=len(sources),
        sources=dict(Counter(sources)),
        n_unreadable=len(unreadable),
        fallbacks=_bound(fallbacks),
        rejected=tuple(every[:MAX_REJECTED]),
        odd=dict(odd or {}),
    )


def build_report(
    parts: Sequence[PartSummary],
    *,
    out: str,
    version: str,
    n_resumed: int,
    seconds: float,
    notes: Sequence[str],
) -> FileReport:
    """Return the report over all parts in order; earlier attempts scored the first `n_resumed`
    rows.

    >>> parts = [PartSummary(2, {"model": 1, "failed": 1}, 1, {"empty": 1}, ())]
    >>> report = build_report(parts, out="o", version="v1", n_resumed=0, seconds=0.5, notes=[])
    >>> report.n_model, report.n_failed, report.n_rejected, report.rows_per_second
    (1, 1, 1, 4.0)
    """
    sources: Counter[str] = Counter()
    fallbacks: Counter[str] = Counter()
    odd: Counter[str] = Counter()
    for part in parts:
        odd.update(part.odd)
        sources.update(part.sources)
        fallbacks.update(part.fallbacks)
    n_rows = sum(part.n_rows for part in parts)
    n_unreadable = sum(part.n_unreadable for part in parts)
    rejected = [row for part in parts for row in part.rejected]
    n_new = n_rows - n_resumed
    return FileReport(
        out=out,
        version=version,
        n_rows=n_rows,
        n_model=sources[AnswerSource.MODEL],
        n_heuristic=sources[AnswerSource.HEURISTIC],
        n_failed=sum(sources[source] for source in _UNSCORED),
        n_rejected=sources[REJECTED] + n_unreadable,
        n_unreadable=n_unreadable,
        fallbacks=_bound(fallbacks),
        rejected=tuple(rejected[:MAX_REJECTED]),
        n_resumed=n_resumed,
        seconds=seconds,
        rows_per_second=n_new / seconds if n_new and seconds > 0 else None,
        notes=(*notes, *(_say_odd(name, n) for name, n in odd.most_common(_MAX_REASONS))),
    )


def describe_progress(n_rows: int, share: float, first_share: float, seconds: float) -> str:
    """Return the number of rows done and the time left at the speed of this attempt, which began at
    the share `first_share` of the file.

    >>> describe_progress(40_000, 0.5, 0.25, 60.0)
    '40,000 rows, 2:00 left'
    """
    if share <= first_share:
        return f"{n_rows:,} rows"
    left = round(seconds * (1 - share) / (share - first_share))
    hours, minutes = divmod(left // 60, 60)
    clock = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{n_rows:,} rows, {clock}:{left % 60:02} left"


def _say_odd(column: str, n: int) -> str:
    return f"{text.count(n, 'value')} of '{column}' do not fit the column and count as missing."


def _bound(reasons: "Counter[str]") -> dict[str, int]:
    """Return the most frequent reasons, a limited number of them, since reasons can quote cells."""
    kept = dict(reasons.most_common(_MAX_REASONS))
    rest = reasons.total() - sum(kept.values())
    return {**kept, _OTHER: kept.get(_OTHER, 0) + rest} if rest else kept
