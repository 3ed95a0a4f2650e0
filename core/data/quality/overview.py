"""The overview of the store's data: rows by source, the newest checks, and the next step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.data.quality.import_checks import check_collections
from core.domain.dataset import Issue, QualityReport, Severity, fold_issues
from core.domain.sample import (
    MIN_FEEDBACK,
    OBSERVED,
    Collection,
    Provenance,
    SampleCounts,
    choose_newest,
    choose_provenances,
)
from core.domain.source import CollectionOutcome, Source, SourceStatus, summarize_source
from core.settings import Scale
from core.store.data import quality, snapshots
from core.store.data import samples as sample_rows
from core.store.data import sources as source_rows
from core.store.engine.database import Connection, Database
from core.store.predictions import feedback

_OF_EACH_SOURCE, _COLLECTIONS = 3, 500


@dataclass(frozen=True, slots=True)
class DataSummary:
    """The summary of the store; `quality` is None until a first collection was checked."""

    n_rows: int
    n_labelled: int  # every sample carries its target
    n_synthetic: int
    by_source: Mapping[str, int]
    counts: tuple[SampleCounts, ...]  # by source and provenance
    first_at: datetime | None
    last_at: datetime | None
    quality: QualityReport | None
    collections: tuple[Collection, ...]  # the newest of each source, newest first
    sources: tuple[SourceStatus, ...] = ()  # those that are collected again and again

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Return the issues of the newest checks, worst first."""
        return self.quality.issues if self.quality else ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """The earlier report that the newest is compared with, and its date in words."""

    since: str
    report: QualityReport


def summarize_data(
    counts: Sequence[SampleCounts],
    report: QualityReport | None,
    collections: Sequence[Collection],
    sources: Sequence[Source] = (),
) -> DataSummary:
    """Return the summary of some counts, checks and collections.

    >>> counts = [SampleCounts("file:a", Provenance.REAL, 3, None, None)]
    >>> summary = summarize_data(counts, None, [])
    >>> summary.n_rows, dict(summary.by_source), summary.first_at
    (3, {'file:a': 3}, None)
    """
    by_source: dict[str, int] = {}
    for count in counts:
        by_source[count.source] = by_source.get(count.source, 0) + count.n_rows
    n_rows = sum(by_source.values())
    return DataSummary(
        n_rows=n_rows,
        n_labelled=n_rows,
        n_synthetic=sum(c.n_rows for c in counts if c.provenance is Provenance.SYNTHETIC),
        by_source=by_source,
        counts=tuple(counts),
        first_at=min((c.first_at for c in counts if c.first_at is not None), default=None),
        last_at=max((c.last_at for c in counts if c.last_at is not None), default=None),
        quality=report,
        collections=tuple(collections),
        sources=tuple(summarize_source(source) for source in sources),
    )


def describe_data(db: Database) -> DataSummary:
    """Return the summary of the store; reads counts and the saved report, never the rows'
    features."""
    with db.read() as conn:
        return summarize_data(
            sample_rows.count_samples(conn),
            quality.find_last_report(conn),
            sample_rows.load_newest_collections(conn, _OF_EACH_SOURCE, _COLLECTIONS),
            source_rows.load_sources(conn),
        )


def find_baseline(conn: Connection) -> Baseline | None:
    """Return the checks of the newest snapshot, or those before the newest if there is no snapshot;
    None if no such report is saved."""
    for snapshot in snapshots.load_snapshots(conn, 1):
        reports = quality.load_reports(conn, 1, upto=snapshot.created_at)
        return Baseline(f"snapshot {snapshot.id}", reports[0]) if reports else None
    earlier = quality.load_reports(conn, 2)[1:]
    return Baseline("the check before", earlier[0]) if earlier else None


def refresh_quality(
    db: Database,
    scale: Scale,
    now: datetime,
    rules: Path | None = None,
    tolerance: float | None = None,
) -> QualityReport:
    """Check the rows that training would use, and save the report."""
    # Not at the top: pandas, pyarrow and scipy would slow the first paint and the API's start.
    from core.data import frames
    from core.data.quality import checks, column_summaries
    from core.data.quality.rules import read_rules

    with db.read() as conn:
        counts = sample_rows.count_samples(conn)
        collections = sample_rows.load_newest_collections(conn, _OF_EACH_SOURCE, _COLLECTIONS)
        n_synthetic = sum(c.n_rows for c in counts if c.provenance is Provenance.SYNTHETIC)
        n_observed = sum(c.n_rows for c in counts) - n_synthetic
        chosen = choose_provenances(counts) if counts else OBSERVED
        pieces = sample_rows.stream_pieces(conn, provenances=chosen)
        own = feedback.count_own_scores(conn)
        frame = frames.build_table(pieces, keep_empty=True).to_pandas()
    issues = checks.check_rows(
        frame, scale=scale, now=now, tolerance=tolerance, rules=read_rules(rules)
    )
    issues += checks.check_own_scores(own.n_labelled, own.n_same, own.n_previous)
    if chosen == OBSERVED:
        issues += checks.check_provenance(n_observed, n_synthetic)
    report = QualityReport(
        at=now,
        n_rows=len(frame),
        issues=tuple(checks.order_issues([*issues, *check_collections(collections)])),
        columns=column_summaries.summarize_columns(frame),
    )
    with db.write() as conn:
        quality.append_report(conn, report)
    return report


_NAMED = 2  # sources; below the answers each says for itself what went wrong


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """A question about the rows with its answer; `good` is None if it is not known."""

    question: str
    good: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class Glance:
    """The answers, in the order of the questions, and the next step as a sentence."""

    answers: tuple[SummaryLine, ...]
    next_step: str


def judge_data(data: DataSummary) -> Glance:
    """Return the answers for a store with rows.

    >>> from core.data.quality.overview import summarize_data
    >>> from core.domain.sample import Provenance, SampleCounts
    >>> counts = [SampleCounts("demo", Provenance.SYNTHETIC, 3, None, None)]
    >>> glance = judge_data(summarize_data(counts, None, []))
    >>> [(answer.question, answer.good) for answer in glance.answers]
    [('Whole', True), ('Real', False), ('Sound', None)]
    """
    whole, real, sound = _is_whole(data), _is_real(data), _is_sound(data)
    return Glance((whole, real, sound), _choose_step(data, whole, real))


def _is_whole(data: DataSummary) -> SummaryLine:
    failed = [source.name for source in data.sources if source.outcome is CollectionOutcome.FAILED]
    waiting = [source.name for source in data.sources if source.n_waiting]
    n_rejected = sum(one.n_rejected for one in choose_newest(data.collections))
    lost = _find_lost_files(data)
    if failed:
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        names = ", ".join(failed[:_NAMED]) + more
        return SummaryLine("Whole", False, f"the last collection of {names} failed")
    if waiting:
        return SummaryLine("Whole", False, f"a collection of {', '.join(waiting)} was cut off")
    if lost:
        return SummaryLine(
            "Whole", False, f"the import of {', '.join(lost)} failed: none of its rows is there"
        )
    if n_rejected:
        return SummaryLine(
            "Whole", False, f"{n_rejected:,} rows of the newest imports were rejected, see below"
        )
    return SummaryLine("Whole", True, "every row of the newest imports was taken")


def _find_lost_files(data: DataSummary) -> list[str]:
    """Return the files whose import failed without a row; tables and the folder report their
    own."""
    failed = dict.fromkeys(one.source for one in data.collections if one.error is not None)
    return [name for name in failed if name.startswith("file:") and name not in data.by_source]


def _is_real(data: DataSummary) -> SummaryLine:
    n_observed = data.n_rows - data.n_synthetic
    if not n_observed:
        return SummaryLine("Real", False, "every row is synthetic")
    if data.n_synthetic and choose_provenances(data.counts) != OBSERVED:
        return SummaryLine(
            "Real",
            False,
            f"a training uses the {data.n_synthetic:,} synthetic rows until {MIN_FEEDBACK} "
            f"labelled predictions are rows: {n_observed:,} are",
        )
    if data.n_synthetic:
        return SummaryLine(
            "Real",
            True,
            f"{n_observed:,} rows were observed; {data.n_synthetic:,} synthetic ones are left out "
            "of a training",
        )
    return SummaryLine("Real", True, "every row was observed, none is synthetic")


def _is_sound(data: DataSummary) -> SummaryLine:
    if data.quality is None:
        return SummaryLine("Sound", None, "the rows were not checked yet")
    n_blocking = _count(data, Severity.BLOCKING)
    n_warnings = _count(data, Severity.WARNING)
    if n_blocking:
        return SummaryLine("Sound", False, f"{n_blocking} of the checks stop a training")
    if n_warnings:
        return SummaryLine(
            "Sound", False, f"the checks warn of {n_warnings}, none stops a training"
        )
    return SummaryLine("Sound", True, "the checks found nothing to warn of")


def _choose_step(data: DataSummary, whole: SummaryLine, real: SummaryLine) -> str:
    if any(source.outcome is CollectionOutcome.FAILED for source in data.sources):
        return "Mend the source that failed, as it says below, and collect again."
    if not whole.good and any(source.n_waiting for source in data.sources):
        return "Collect now: it goes on where it was cut off."
    if _find_lost_files(data):
        return "Import what failed again: under Imports it says why."
    if _count(data, Severity.BLOCKING):
        return "Settle what stops a training, under Quality, or override it there with a reason."
    if not real.good:
        return "Import rows that people scored: what synthetic ones teach is true of them only."
    if data.quality is None:
        return "Import something, so that the checks run."
    if _count(data, Severity.WARNING):
        return "Look through the warnings, then train."
    return "Train a version."


def _count(data: DataSummary, severity: Severity) -> int:
    return sum(issue.severity is severity for issue in fold_issues(data.issues))
