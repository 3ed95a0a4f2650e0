"""The training flow from the store to a registered version; it never deploys."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from core.audit.attempt import attempt
from core.clock import steady_seconds
from core.data.context import CollectContext
from core.data.quality.checks import check_rows
from core.data.quality.rules import read_rules
from core.data.snapshots import read_snapshot, take_snapshot
from core.data.sources.feedback import collect_feedback
from core.data.splits import choose_recent
from core.domain.actor import Act, Actor, Decider, Role
from core.domain.dataset import (
    AT,
    KEY,
    LEAKY_COLUMN,
    LEAKY_TEXT,
    SIBLING_RATING,
    TEXT,
    Issue,
    Severity,
    Snapshot,
    fold_issues,
)
from core.domain.job import REGISTERED, Progress
from core.domain.trial import MARGIN_SHARE
from core.domain.version import Version
from core.errors import Cancelled, Refused, Unavailable
from core.log import get_logger
from core.registry import Registry
from core.store.data import snapshots as snapshot_rows
from core.store.engine.database import Database
from core.store.models import versions as version_rows
from core.training.evaluate.champion import (
    GateTerms,
    compare_champion,
    find_champion,
    find_staleness,
)
from core.training.evaluate.fit_and_evaluate import Order, learn
from core.training.evaluate.gate import YEAR, Doubts
from core.training.evaluate.holdout_evaluation import gather_evidence
from core.training.evaluate.report import build_report
from core.training.plan import RECENT
from core.training.recipe_registry import get_recipe

log = get_logger(__name__)


def train_version(
    db: Database,
    registry: Registry,
    order: Order,
    *,
    snapshots: Path,
    by: str,
    now: Callable[[], datetime],
    progress: Progress,
    rules: Path | None = None,
) -> Version:
    """Train a recipe on what the store holds, and register the version with its verdict, whatever
    the gate says. The model that serves is the one that was evaluated: it has learned from the
    training rows only, so that the figures are its own.

    `rules` is a file of data rules to check as well. The version row is written last: what is
    cancelled or fails before leaves no version, at most an artifact that nothing names. Where
    MLflow does not answer, the version is registered without a run, and `sync_runs` records it
    later.

    Raises `Refused` where the data may not be trained on, `InvalidInput` for an unknown recipe or
    column, `Unavailable` where a folder or the store cannot be written, and what `progress`
    raises."""
    scale = order.scale
    get_recipe(order.recipe)  # a name that is not on the menu stops before anything is written
    progress(0.0, "taking in the labels that came back")
    collect_feedback(CollectContext(db, scale, by, now, lambda _, text: progress(0.0, text)))
    started = time.monotonic()
    progress(0.0, "taking a snapshot of the rows")
    snapshot = take_snapshot(db, snapshots, by=by, now=now())
    progress(0.05, f"checking {snapshot.n_rows:,} rows")
    frame = read_snapshot(snapshots, snapshot)
    used = frame.drop(columns=list(order.leave_out), errors="ignore")
    issues = check_rows(used, scale=scale, now=now(), rules=read_rules(rules))
    _refuse_blocking(issues, order.overrides)
    if order.plan.holdout == RECENT:
        order = replace(order, holdout_from_at=choose_recent(frame[AT]))
    learned = learn(frame, order, progress)
    found = learned.found
    comparison = None
    champion = find_champion(db)
    if champion is not None:
        progress(0.9, f"scoring {champion.name}, the champion, on the same rows")
        comparison = compare_champion(
            db,
            registry,
            champion,
            folder=snapshots,
            frame=frame,
            learned=learned,
            terms=GateTerms(
                _load_spent(db, now()),
                find_staleness(db, learned.fitted.window),
                MARGIN_SHARE * (order.scale.high - order.scale.low),
            ),
        )
    doubts = _sort_doubts(issues, order, by, reads_text=TEXT in learned.artifact.card.reads)
    progress(0.94, "saving the pipeline")
    artifact_hash = registry.save_artifact(learned.artifact.pipeline, learned.artifact.card)
    report = build_report(
        learned,
        gather_evidence(
            found,
            learned.holdout,
            comparison,
            synthetic=learned.synthetic,
            doubts=doubts,
            purpose=order.plan.purpose,
            objective=order.plan.objective,
            tolerance=order.tolerance,
        ),
        order,
        keys=frame[KEY].iloc[learned.split.holdout],
        by=by,
        seconds=time.monotonic() - started,
    )
    progress(0.98, "registering the version")  # the last step at which a cancel is heard
    trainer = Actor(by, Role.OPERATOR, "training")
    with (
        attempt(db, trainer, Act.REGISTER, "a new version", now=now()) as act,
        act.write() as conn,
    ):
        version = version_rows.append_version(
            conn,
            snapshot_id=snapshot.id,
            artifact_hash=artifact_hash,
            report=report,
            by=by,
            now=act.now,
        )
        act.note(after={"gate": report.gate.passed}, target=version.name)
        act.seal(Decider.VERSIONS, version.number)
    log.info("version_registered", version=version.number, passed=report.gate.passed)
    with suppress(Cancelled):  # the version stays, and ends as every other
        progress(0.99, f"{version.name}{REGISTERED}")
    return _record_run(db, registry, version, snapshot, now)


def sync_runs(
    db: Database,
    registry: Registry,
    now: datetime,
    steady: Callable[[], float] = steady_seconds,
) -> int:
    """Log the versions that MLflow does not know yet; return how many it knows now. One that fails
    keeps no other from being logged; its reason is in `Registry.retries`, and it is tried again
    after pauses that grow."""
    with db.read() as conn:
        waiting = [
            (version, snapshot_rows.get_snapshot(conn, version.snapshot_id))
            for version in version_rows.load_versions_without_run(conn)
        ]
    n_logged = 0
    for version, snapshot in waiting:
        if not registry.retries.is_due(version.name, steady()):
            continue
        try:
            run_id = registry.log_run(version, snapshot)
        except Unavailable as error:
            log.warning("run_not_recorded", version=version.number, error=str(error))
            registry.retries.fail(version.name, f"{version.name}: {error}", steady())
            continue
        with db.write() as conn:
            version_rows.append_run(conn, version.number, run_id, now)
        registry.retries.succeed(version.name)
        n_logged += 1
    return n_logged


def forget_lost_runs(db: Database, registry: Registry) -> int:
    """Forget the runs that somebody deleted in MLflow, so that `sync_runs` records their versions
    again, with their notes; return their number. Raises `Unavailable`."""
    with db.read() as conn:
        run_ids = version_rows.load_run_ids(conn)
    lost = registry.find_lost_runs(run_ids)
    if lost:
        log.warning("runs_lost_in_mlflow", n=len(lost))
        with db.write() as conn:
            version_rows.forget_runs(conn, lost)
    return len(lost)


def _load_spent(db: Database, now: datetime) -> float:
    with db.read() as conn:
        return version_rows.sum_gate_alpha(conn, now - YEAR)


def _refuse_blocking(issues: list[Issue], overrides: tuple[str, ...] | None) -> None:
    """Raise `Refused` with every blocking issue unless a person overrides them."""
    blocking = [issue.message for issue in issues if issue.severity is Severity.BLOCKING]
    if blocking and not overrides:
        raise Refused(
            "Training stopped, because of the data: "
            + " ".join(blocking)
            + " Leave the columns out or import better rows; or override it with a reason."
        )


def _sort_doubts(issues: list[Issue], order: Order, by: str, *, reads_text: bool) -> Doubts:
    """Return what the gate has to know of the rows. A column that gives the target away, or may do
    so, does not stop a training, but the gate refuses it unless a person overrides it, now or for
    the version before; what is written into the texts only matters to a model that reads them."""
    codes = {LEAKY_COLUMN, SIBLING_RATING, *([LEAKY_TEXT] if reads_text else [])}
    blocking = [issue.message for issue in issues if issue.severity is Severity.BLOCKING]
    doubtful = [
        issue for issue in issues if issue.code in codes and issue.severity is not Severity.BLOCKING
    ]
    if order.overrides:
        reasons = "; ".join(order.overrides)
        messages = (*blocking, *(issue.message for issue in fold_issues(doubtful)))
        return Doubts(
            overridden=tuple(f"{one} Overridden by {by}: {reasons}" for one in messages),
            acknowledged=tuple(_name_doubt(issue) for issue in doubtful),
        )
    known = [issue for issue in doubtful if _name_doubt(issue) in order.acknowledged]
    new = fold_issues(issue for issue in doubtful if _name_doubt(issue) not in order.acknowledged)
    return Doubts(
        leaks=tuple(issue.message for issue in new if issue.code != SIBLING_RATING),
        suspects=tuple(issue.message for issue in new if issue.code == SIBLING_RATING),
        overridden=tuple(
            f"{issue.message} Overridden for the version before" for issue in fold_issues(known)
        ),
        acknowledged=tuple(_name_doubt(issue) for issue in known),
    )


def _name_doubt(issue: Issue) -> str:
    return issue.column or TEXT


def _record_run(
    db: Database,
    registry: Registry,
    version: Version,
    snapshot: Snapshot,
    now: Callable[[], datetime],
) -> Version:
    """Return the version with its MLflow run, or unchanged if MLflow does not answer."""
    try:
        run_id = registry.log_run(version, snapshot)
    except Unavailable as error:
        log.warning("run_not_recorded", version=version.number, error=str(error))
        return version
    with db.write() as conn:
        version_rows.append_run(conn, version.number, run_id, now())
        return version_rows.get_version(conn, version.number)
