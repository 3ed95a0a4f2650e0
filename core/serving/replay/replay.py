"""Replay: the recorded requests of the last days scored by a version before it serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.artifacts.artifact import Artifact
from core.domain.deployment import Recorded, Replay
from core.domain.history import RecentLabels
from core.domain.job import Progress
from core.domain.model_card import Card
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import InvalidInput, NotFound, OpsError, Refused
from core.registry import Registry
from core.serving.answer import choose_refusal, clip
from core.serving.fallback import choose_guess
from core.serving.replay.replay_summary import Tally, build_report
from core.serving.scoring import InputRow, recall_asked, score_asked
from core.settings import Scale
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.models import replays, versions
from core.store.predictions.predictions import read_all

Scorer = Callable[[Sequence[InputRow]], list[float | str]]
"""Returns a score for each row, or the reason why there is none."""

_MAX_DAYS = 3_650.0
_N_ALONE = 25  # rows of a piece that are scored one by one, for the latency
_MAX_ALONE = 500


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """The version to replay (0 for the heuristic), the number of days, and the scale and tolerance
    to judge by."""

    number: int
    days: float
    by: str
    scale: Scale
    tolerance: float  # points
    snapshots: Path


def replay_version(
    db: Database,
    registry: Registry,
    order: ReplayOrder,
    *,
    now: Callable[[], datetime],
    timer: Callable[[], float],
    progress: Progress,
) -> Replay:
    """Score the recorded requests of the last days with a version, store the replay and return it.
    It changes nothing that serves, and its memory does not grow with the number of requests.

    Raises `InvalidInput` for an invalid number of days, `NotFound` for an unknown version,
    `Refused` if the version does not load or nothing was recorded, and the errors of `progress`."""
    number, days, scale = order.number, check_days(order.days), order.scale
    since_at = now() - timedelta(days=days)
    with read_all(db) as conn:
        version = None if number == HEURISTIC else versions.get_version(conn, number)
        n_recorded = replays.count_recorded(conn, since_at)
    if not n_recorded:
        raise Refused(
            f"No request was recorded in the last {days:g} days, so there is nothing to replay: "
            "send some to /v1/predict, or ask for more days."
        )
    artifact = None if version is None else _load(registry, version)
    score = _choose_scorer(db, artifact, number, scale)
    is_known, doubt = _find_known(db, version, artifact, order.snapshots)
    tally = Tally(scale, order.tolerance)
    for piece in replays.stream_recorded(db, since_at):
        _add(tally, piece, score, None if artifact is None else artifact.card, is_known)
        _time(tally, piece, score, timer)
        progress(min(tally.n_requests / n_recorded, 1.0), f"{tally.n_requests:,} of {n_recorded:,}")
    report = build_report(tally, version=number, days=days, doubt=doubt)
    with db.write() as conn:
        return replays.append_replay(
            conn, version=number, days=days, report=report, by=order.by, now=now()
        )


def check_days(days: float) -> float:
    """Return the days to replay; raises `InvalidInput` if they are zero, negative, too many or not
    a number.

    >>> check_days(7.0)
    7.0
    """
    if not 0 < days <= _MAX_DAYS:
        raise InvalidInput(f"{days:g} days cannot be replayed: give more than 0 and at most 3650.")
    return days


def _load(registry: Registry, version: Version) -> Artifact:
    try:
        artifact = registry.load_artifact(version.artifact_hash)
        artifact.verify_golden()
    except OpsError as error:
        raise Refused(f"{version.name} was not replayed: {error}") from error
    return artifact


def _choose_scorer(db: Database, artifact: Artifact | None, number: int, scale: Scale) -> Scorer:
    def guess(rows: Sequence[InputRow]) -> list[float | str]:
        guesses = [choose_guess(row.features, RecentLabels(), scale) for row in rows]
        return [guess.how if guess.score is None else guess.score for guess in guesses]

    def score(rows: Sequence[InputRow]) -> list[float | str]:
        assert artifact is not None
        scores = score_asked(db, artifact, number, rows, lambda _: None)
        return [one if isinstance(one, str) else clip(one, scale) for one in scores]

    return guess if artifact is None else score


def _find_known(
    db: Database, version: Version | None, artifact: Artifact | None, folder: Path
) -> tuple[Callable[[Recorded], bool], str]:
    """Return a function that is True for labelled requests in the snapshot of the version, and the
    reason why that is not known (empty if it is)."""
    # Imported here, since nothing else that serving imports needs Arrow.
    from core.data.snapshots import read_seen

    if version is None or artifact is None:
        return (lambda _: False), ""
    try:
        with db.read() as conn:
            snapshot = snapshots.get_snapshot(conn, version.snapshot_id)
        seen = read_seen(folder, snapshot, artifact.card.features)
    except (NotFound, Refused) as error:
        return (lambda _: False), (
            f"Which rows {version_name(version.number)} has learned from is not known ({error}), "
            "so that its error may be flattered by some."
        )

    def is_known(row: Recorded) -> bool:
        served = row.served
        return row.actual is not None and seen.holds(served.id, served.features, row.actual)

    return is_known, ""


def _add(
    tally: Tally,
    piece: Sequence[Recorded],
    score: Scorer,
    card: Card | None,
    is_known: Callable[[Recorded], bool],
) -> None:
    scores = score([recall_asked(row.served) for row in piece])
    for row, found in zip(piece, scores, strict=True):
        is_refused = (
            isinstance(found, str)
            and card is not None
            and choose_refusal(row.served.features, card, 0) is not None
        )
        tally.add(row, found, is_refused=is_refused, is_known=is_known(row))


def _time(
    tally: Tally, piece: Sequence[Recorded], score: Scorer, timer: Callable[[], float]
) -> None:
    """Score rows one by one, as single requests are, and record the latencies."""
    for row in piece[:: max(len(piece) // _N_ALONE, 1)][:_N_ALONE]:
        if len(tally.alone_ms) >= _MAX_ALONE:
            return
        started = timer()
        score([recall_asked(row.served)])
        tally.alone_ms.append((timer() - started) * 1000)
