"""Scoring a file: pieces of it are read, scored and kept as parts, then joined to one output."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from core.artifacts.artifact import Artifact
from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_types import ColumnScan, find_notations, read_column
from core.data.parsing.notation import Notation
from core.data.parsing.raw import RawPiece
from core.data.parsing.time_parser import TimeForm, find_time_notations
from core.data.parsing.unlabelled import UnlabelledPlan, read_unlabelled
from core.data.sources.files import open_table
from core.domain.history import N_RECENT_LABELS, RecentLabels, summarize_recent
from core.domain.job import Progress
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import InvalidInput, NotFound, OpsError, Refused
from core.registry import Registry
from core.serving.fallback import explain_heuristic
from core.serving.files.formats import Format, open_format
from core.serving.files.parts import (
    ADDED,
    Manifest,
    Options,
    Parts,
    choose_plan,
    find_folder,
    open_parts,
)
from core.serving.files.report import (
    FileReport,
    PartSummary,
    RejectedFileRow,
    build_report,
    describe_progress,
    summarize_part,
)
from core.serving.files.score import RowScorer
from core.settings import Scale
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.models import deployments, versions
from core.store.monitoring import health
from core.store.predictions import labels

ROWS_PER_PART = 20_000
_LOOK_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class FileRequest:
    """The file to score, the output and the version; without a version, the one that serves."""

    path: Path
    out: Path
    version: int | None = None
    options: Options = field(default_factory=Options)


def predict_file(
    db: Database,
    registry: Registry,
    request: FileRequest,
    *,
    scale: Scale,
    now: Callable[[], datetime],
    timer: Callable[[], float],
    progress: Progress,
    rows_per_part: int = ROWS_PER_PART,
) -> FileReport:
    """Score every row of a file into another, in bounded memory, and return the report. An attempt
    that ended early is continued by the next, with the same output as without an interruption. The
    scores are not logged as predictions.

    Raises `InvalidInput` for files that cannot be read or written, or that changed since the last
    attempt, `Conflict` if the output exists or is being written, `Refused` if there is no version
    to score with or nothing in the file has a score, `Unavailable` if the disk is full, and the
    errors of `progress`."""
    with open_parts(request.out) as parts:
        report = parts.find_report()
        if report is None or not request.out.exists():
            attempt = _begin(db, registry, request, parts, scale, now, rows_per_part)
            report = _finish(attempt, timer, progress)
        parts.publish(report)
    return report


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The state of scoring the rest of a file."""

    path: Path
    size: tuple[int, int]  # of the input, with the time of its last change
    parts: Parts
    manifest: Manifest
    scorer: RowScorer
    plan: UnlabelledPlan
    format: Format
    names: tuple[str, ...]  # the columns in the input's first rows
    prefix: str
    notes: tuple[str, ...]


def _begin(
    db: Database,
    registry: Registry,
    request: FileRequest,
    parts: Parts,
    scale: Scale,
    now: Callable[[], datetime],
    rows_per_part: int,
) -> _Attempt:
    path, options = request.path, request.options
    table = open_table(path)
    size = _measure(path)
    first = next((piece for piece in table.read_pieces(_LOOK_ROWS) if piece.rows), None)
    if first is None:
        raise InvalidInput(f"'{path.name}' has no row that can be read: there is nothing to score.")
    manifest, notes = _choose_manifest(db, request, parts, now(), rows_per_part)
    version, artifact = _load(db, registry, manifest.version, scale)
    types = {} if version is None else _load_types(db, version)
    names = tuple(first.columns)
    plan, more = choose_plan(
        path.name,
        names,
        None if artifact is None else artifact.card,
        manifest.version,
        types,
        options,
    )
    added = {options.prefix + name: kind for name, kind in ADDED.items()}
    return _Attempt(
        path=path,
        size=size,
        parts=parts,
        manifest=manifest,
        scorer=RowScorer(
            db=db,
            artifact=artifact,
            version=manifest.version,
            why=manifest.why_heuristic,
            recent=manifest.recent,
            at=manifest.at,
            scale=scale,
            widening=manifest.widening,
        ),
        plan=replace(plan, notations=_learn_notations(path, first, plan)),
        format=open_format(path, request.out, names, added),
        names=names,
        prefix=options.prefix,
        notes=(*notes, *more),
    )


def _learn_notations(path: Path, first: RawPiece, plan: UnlabelledPlan) -> dict[str, Notation]:
    """Return how the columns to read are written, as an import learns it. The whole file is read
    only where its first rows are not written plainly."""
    numbers = [
        name
        for name, kind in plan.features.items()
        if kind is not ColumnKind.CATEGORY and name in first.columns
    ]
    times = [] if plan.timestamp is None else [plan.timestamp]
    separator = open_table(path).separator
    if not _find_notations([first], numbers, times, separator) and _is_plain(first, numbers, times):
        return {}
    return _find_notations(open_table(path).read_pieces(ROWS_PER_PART), numbers, times, separator)


def _find_notations(
    pieces: Iterable[RawPiece], numbers: Sequence[str], times: Sequence[str], separator: str
) -> dict[str, Notation]:
    scans = {name: ColumnScan() for name in numbers}
    forms = {name: TimeForm() for name in times}
    for piece in pieces:
        for name, scan in scans.items():
            scan.add(piece.columns.get(name, ()))
        for name, form in forms.items():
            form.add(piece.columns.get(name, ()))
    return {**find_notations(scans, separator), **find_time_notations(forms)}


def _is_plain(first: RawPiece, numbers: Sequence[str], times: Sequence[str]) -> bool:
    """Return whether the first rows have no value whose meaning its column decides."""
    kinds = [(name, ColumnKind.NUMBER) for name in numbers]
    kinds += [(name, ColumnKind.TIME) for name in times]
    wrong = [read_column(first.columns[name], kind)[1].values() for name, kind in kinds]
    return not any(error.code.startswith("ambiguous") for found in wrong for error in found)


def _finish(attempt: _Attempt, timer: Callable[[], float], progress: Progress) -> FileReport:
    """Score the rest, join the parts and return the report."""
    parts, started = attempt.parts, timer()
    summaries = parts.load_summaries()
    n_parts_before = len(summaries)
    n_resumed = n_rows = sum(summary.n_rows for summary in summaries)
    first_share = 0.0
    for number, piece in enumerate(_read(attempt)):
        if number < n_parts_before:
            first_share = piece.share_read
            continue
        content, summary = _score(attempt, piece)
        if not summaries:
            _check_first(attempt, summary)
            parts.save_manifest(attempt.manifest)
        parts.add(number, content, summary)
        summaries.append(summary)
        n_rows += summary.n_rows
        share = piece.share_read
        said = describe_progress(n_rows, share, first_share, timer() - started)
        progress(min(share, 1.0), said)
    if _measure(attempt.path) != attempt.size:
        raise InvalidInput(
            f"'{attempt.path.name}' changed while it was scored: remove "
            f"'{parts.folder.name}' and score it again when it is whole."
        )
    names = [*attempt.names, *(attempt.prefix + name for name in ADDED)]
    attempt.format.join(parts.list_files(len(summaries)), names, parts.whole)
    return build_report(
        summaries,
        out=str(parts.out),
        version=version_name(attempt.manifest.version),
        n_resumed=n_resumed,
        seconds=timer() - started,
        notes=attempt.notes,
    )


def _read(attempt: _Attempt) -> Iterator[RawPiece]:
    return open_table(attempt.path).read_pieces(attempt.manifest.rows_per_part)


def _score(attempt: _Attempt, piece: RawPiece) -> tuple[bytes, PartSummary]:
    """Return a piece as a part of the output, and its summary."""
    rows = read_unlabelled(piece, attempt.plan)
    added = attempt.scorer.score(rows)
    named = {attempt.prefix + name: values for name, values in added.items()}
    content = attempt.format.encode({**piece.columns, **named})
    summary = summarize_part(
        [str(source) for source in added["source"]],
        [None if reason is None else str(reason) for reason in added["reason"]],
        piece.rows,
        [RejectedFileRow(rejection.row, rejection.message) for rejection in piece.rejections],
        rows.odd,
    )
    return content, summary


def _check_first(attempt: _Attempt, summary: PartSummary) -> None:
    """Raise `Refused` if none of the first rows has a score, before anything is written."""
    if summary.sources.get("model") or summary.sources.get("heuristic"):
        return
    why = next(iter(summary.fallbacks), None) or summary.rejected[0].message
    raise Refused(
        f"None of the first {summary.n_rows + summary.n_unreadable:,} rows of "
        f"'{attempt.path.name}' can be scored; the first: {why.rstrip('.')}. Nothing was written."
    )


def _choose_manifest(
    db: Database, request: FileRequest, parts: Parts, now: datetime, rows_per_part: int
) -> tuple[Manifest, list[str]]:
    """Return the manifest of the last attempt if there was one, else a new one, and notes for the
    operator."""
    options = msgspec.to_builtins(request.options)
    content = _hash(request.path)
    kept = parts.find_manifest()
    if kept is None:
        version, why, recent = _choose_version(db, request.version)
        with db.read() as conn:
            widening = health.find_factor(conn, version)
        return Manifest(
            input_name=request.path.name,
            input_hash=content,
            version=version,
            at=now,
            recent=recent,
            why_heuristic=why,
            options=options,
            rows_per_part=rows_per_part,
            widening=widening,
        ), []
    if kept.input_hash != content:
        raise InvalidInput(
            f"'{request.path.name}' is not what it was when '{request.out.name}' was begun: remove "
            f"'{find_folder(request.out).name}' to score it from its first row."
        )
    if kept.options != options or request.version not in (None, kept.version):
        raise InvalidInput(
            f"'{request.out.name}' was begun with {version_name(kept.version)} and other options: "
            f"give the same, or remove '{find_folder(request.out).name}' to begin anew."
        )
    return kept, [
        f"An attempt of {kept.at:%Y-%m-%d %H:%M} UTC was gone on with, by "
        f"{version_name(kept.version)} as then."
    ]


def _choose_version(db: Database, asked: int | None) -> tuple[int, str, RecentLabels]:
    """Return the version to score with, the reason if it is the heuristic, and the newest
    labels."""
    with db.read() as conn:
        current = deployments.find_current(conn)
        recent = summarize_recent(labels.load_recent_labelled(conn, N_RECENT_LABELS))
    if asked is not None:
        return asked, "" if asked != HEURISTIC else "The heuristic was asked for", recent
    if current is None:
        raise Refused(
            "No version serves: deploy one, or name the version to score with by --version; "
            "--version heuristic guesses without a model."
        )
    champion = current.plan.champion
    return champion, "" if champion != HEURISTIC else explain_heuristic(current), recent


def _load(
    db: Database, registry: Registry, number: int, scale: Scale
) -> tuple[Version | None, Artifact | None]:
    """Return the version and its artifact; None for both if it is the heuristic. A version that
    does not load is refused: a file can be scored later, so no guess replaces its scores."""
    if number == HEURISTIC:
        return None, None
    with db.read() as conn:
        version = versions.get_version(conn, number)
    try:
        artifact = registry.load_artifact(version.artifact_hash)
        artifact.verify_golden()
    except OpsError as error:
        raise Refused(f"{version.name} cannot score: {error}") from error
    card = artifact.card
    if (card.scale_low, card.scale_high) != (scale.low, scale.high):
        raise Refused(
            f"{version.name} was trained on the scale {card.scale_low:g}:{card.scale_high:g} and "
            f"PLUMBLINE_SCALE is {scale.low:g}:{scale.high:g}: set it back, or train again."
        )
    return version, artifact


def _load_types(db: Database, version: Version) -> Mapping[str, str]:
    """Return the types of the columns that a version learned from; empty if none were recorded."""
    try:
        with db.read() as conn:
            query = snapshots.get_snapshot(conn, version.snapshot_id).query
    except NotFound:
        return {}
    return msgspec.convert(query.get("types", {}), dict[str, str])


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _measure(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
