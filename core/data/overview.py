"""What is there: rows by source and provenance, and what the newest checks said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.data.provenances import choose_provenances
from core.domain.issue import Issue, QualityReport
from core.domain.sample import OBSERVED, Collection, Provenance, SampleCounts
from core.domain.source import Source, SourceStatus, summarize_source
from core.settings import Scale
from core.store import feedback, quality, snapshots
from core.store import samples as sample_rows
from core.store import sources as source_rows
from core.store.database import Connection, Database

_OF_EACH_SOURCE, _COLLECTIONS = 3, 500


@dataclass(frozen=True, slots=True)
class DataSummary:
    """The store at a glance; `quality` is None until a first collection was checked."""

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
        """What the newest checks found, worst first."""
        return self.quality.issues if self.quality else ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the newest report is held against, and since when that is, in words."""

    since: str
    report: QualityReport


def summarize_data(
    counts: Sequence[SampleCounts],
    report: QualityReport | None,
    collections: Sequence[Collection],
    sources: Sequence[Source] = (),
) -> DataSummary:
    """The summary of what was read.

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
    """The summary of the store; reads counts and the kept report, never the rows' features."""
    with db.read() as conn:
        return summarize_data(
            sample_rows.count_samples(conn),
            quality.find_last_report(conn),
            sample_rows.load_newest_collections(conn, _OF_EACH_SOURCE, _COLLECTIONS),
            source_rows.load_sources(conn),
        )


def find_baseline(conn: Connection) -> Baseline | None:
    """What the checks said when the newest snapshot was taken, so that what a next training would
    see can be held against it; before any snapshot, what they said the time before. None where no
    such report is kept."""
    for snapshot in snapshots.load_snapshots(conn, 1):
        reports = quality.load_reports(conn, 1, upto=snapshot.created_at)
        return Baseline(f"snapshot {snapshot.id}", reports[0]) if reports else None
    earlier = quality.load_reports(conn, 2)[1:]
    return Baseline("the check before", earlier[0]) if earlier else None


def refresh_quality(
    db: Database, scale: Scale, now: datetime, rules: Path | None = None
) -> QualityReport:
    """Check the rows that training would use, and keep what was found."""
    # Not at the top: pandas, pyarrow and scipy would slow the first paint and the API's start.
    from core.data import checks, frames, summaries
    from core.data.rules import read_rules

    with db.read() as conn:
        counts = sample_rows.count_samples(conn)
        collections = sample_rows.load_newest_collections(conn, _OF_EACH_SOURCE, _COLLECTIONS)
        n_synthetic = sum(c.n_rows for c in counts if c.provenance is Provenance.SYNTHETIC)
        n_observed = sum(c.n_rows for c in counts) - n_synthetic
        chosen = choose_provenances(counts) if counts else OBSERVED
        pieces = sample_rows.stream_pieces(conn, provenances=chosen)
        n_labels, n_same = feedback.count_own_scores(conn)
        frame = frames.build_table(pieces, keep_empty=True).to_pandas()
    issues = checks.check_rows(frame, scale=scale, now=now, rules=read_rules(rules))
    issues += checks.check_own_scores(n_labels, n_same)
    if chosen == OBSERVED:
        issues += checks.check_provenance(n_observed, n_synthetic)
    report = QualityReport(
        at=now,
        n_rows=len(frame),
        issues=tuple(checks.order_issues([*issues, *checks.check_collections(collections)])),
        columns=summaries.summarize_columns(frame),
    )
    with db.write() as conn:
        quality.append_report(conn, report)
    return report
