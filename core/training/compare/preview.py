"""A preview of retraining: an estimate of what learning from new rows would gain.

It only reads: no snapshot, file, sample or version comes of it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core import text
from core.data.snapshots import read_rows
from core.data.splits import choose_recent
from core.domain.dataset import AT, KEY
from core.domain.job import Progress, part_of
from core.domain.training_report import LEFT_OUT, Estimate
from core.domain.trial import MARGIN_SHARE
from core.domain.version import Version, version_name
from core.errors import Refused
from core.registry import Registry
from core.settings import Scale
from core.store.engine.database import Database
from core.store.predictions import feedback
from core.training.evaluate.champion import (
    GateTerms,
    compare_champion,
    find_champion,
    load_trained_keys,
)
from core.training.evaluate.fit_and_evaluate import Order, learn
from core.training.evaluate.gate import Comparison
from core.training.plan import read_plan

if TYPE_CHECKING:
    import pandas as pd

WEEKS = tuple(timedelta(weeks=n) for n in (1, 2, 4))
MIN_ROWS = 100
"""The refit and the champion are compared on the last labelled week or, where it holds fewer rows
than this, on the last two or four, or as many weeks as that takes."""

HELPS, HURTS, SAME, NOT_YET = "helps", "hurts", "same", "not_yet"


@dataclass(frozen=True, slots=True)
class Preview:
    """`improvement` is by how many points of the scale a refit's MAE is smaller than the champion's
    on `n_compared` newest labelled rows that neither has learned from; `doubling` by how many the
    last doubling of its rows made it smaller. Both with 95 % limits."""

    verdict: str  # "helps", "hurts", "same" or "not_yet"
    summary: str
    champion: int
    n_new: int  # rows that the refit learned from and the champion did not
    n_compared: int
    mae: Estimate | None  # the champion's on those rows
    improvement: Estimate | None
    doubling: Estimate | None
    days: int | None = None  # that those rows span; None where time does not order them


def preview_retraining(
    db: Database,
    registry: Registry,
    *,
    snapshots: Path,
    scale: Scale,
    tolerance: float,
    label_delay_seconds: float,
    progress: Progress,
) -> Preview:
    """Fit the champion's own recipe again, with the parameters that it has, on all rows but those
    of the last labelled week (see `WEEKS`), and compare both there. Nothing is searched, written
    or spent: a preview costs a few fits. It uses the rows that are collected; the summary says how
    many labels came back since.

    Raises `Refused` where no trained version serves or the rows are too few, and what `progress`
    raises."""
    champion = find_champion(db)
    if champion is None:
        raise Refused("No trained version serves, so nothing can be compared: deploy one first.")
    progress(0.0, "reading the rows")
    frame = read_rows(db)
    with db.read() as conn:
        n_waiting = feedback.count_waiting(conn)
    order = _order_again(champion, frame, scale, tolerance, label_delay_seconds)
    learned = learn(frame, order, part_of(progress, 0.05, 0.95))
    progress(0.95, f"scoring {champion.name}, the champion, on the same rows")
    comparison = compare_champion(
        db,
        registry,
        champion,
        folder=snapshots,
        frame=frame,
        learned=learned,
        terms=GateTerms(),  # a preview promotes nothing
    )
    known = load_trained_keys(db, snapshots, champion)
    n_new = int((~frame[KEY].iloc[learned.split.train].isin(known)).sum())
    return judge_preview(
        comparison,
        learned.doubling,
        n_new,
        margin=MARGIN_SHARE * (scale.high - scale.low),
        days=count_days(frame[AT].iloc[learned.split.holdout])
        if learned.split.kind == "time"
        else None,
        n_waiting=n_waiting,
    )


def judge_preview(
    comparison: Comparison,
    doubling: Estimate | None,
    n_new: int,
    *,
    margin: float,
    days: int | None = None,
    n_waiting: int = 0,
) -> Preview:
    """Judge whether the refit is shown to be better, worse or, within `margin` points, the same;
    where nothing is shown, say what is missing. `days` is the span of the rows on which both are
    compared, None where they are not the newest; `n_waiting` labels are not collected yet.

    >>> found = Comparison(3, Estimate(5.0, 4.5, 5.5), Estimate(0.8, 0.3, 1.3), n_compared=120)
    >>> preview = judge_preview(found, None, 400, margin=0.3)
    >>> preview.verdict
    'helps'
    >>> found = Comparison(3, problem="it cannot be scored (gone)")
    >>> judge_preview(found, None, 0, margin=0.3).summary
    'Cannot say yet: it cannot be scored (gone).'
    """
    verdict, summary = _judge(comparison, n_new, margin, days)
    return Preview(
        verdict=verdict,
        summary=" ".join(
            [
                summary,
                *_describe_curve(doubling, comparison.basis),
                *_describe_waiting(n_waiting),
            ]
        ),
        champion=comparison.version,
        n_new=n_new,
        n_compared=comparison.n_compared,
        mae=comparison.mae,
        improvement=comparison.improvement,
        doubling=doubling,
        days=days,
    )


def count_days(at: "pd.Series") -> int:
    """Return the number of days that some rows span; a begun day counts whole.

    >>> import pandas as pd
    >>> count_days(pd.Series(pd.date_range("2026-03-01 12:00", periods=7, freq="D", tz="UTC")))
    7
    """
    return int((at.max() - at.min()) / timedelta(days=1)) + 1


def _judge(comparison: Comparison, n_new: int, margin: float, days: int | None) -> tuple[str, str]:
    gain, before = comparison.improvement, comparison.mae
    if gain is None or before is None:
        why = comparison.problem or "too few days are left for an interval"
        return NOT_YET, f"Cannot say yet: {why}."
    newest = "held-out" if days is None else "newest labelled"
    lasting = "" if days is None else f" (the last {_count(days, 'day')})"
    on = (
        f"on the {comparison.n_compared:,} {newest} rows that neither has learned from{lasting}: "
        f"MAE {text.figure(before.value - gain.value)} against {text.figure(before.value)}, a "
        "difference of "
        f"{text.figure(gain.value)} ({text.interval_by(comparison.basis, gain)})"
    )
    name = version_name(comparison.version)
    if n_new == 0:
        return NOT_YET, (
            f"Cannot say yet: no row older than those that both are judged on{lasting} is new to "
            f"{name}, so that a refit learns what it knows. Wait for labels."
        )
    if gain.low > 0:
        return HELPS, f"Training again would help: it beats {name} {on}."
    if gain.high < 0:
        return HURTS, f"Training again would make it worse: it loses to {name} {on}."
    if -margin < gain.low and gain.high < margin:
        return SAME, f"Training again would change nothing that matters: as good as {name} {on}."
    return NOT_YET, (
        f"Cannot say yet: the difference to {name} may be chance {on}. More labelled rows would "
        "narrow it."
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun if n == 1 else noun + 's'}"


def _describe_curve(doubling: Estimate | None, basis: str) -> list[str]:
    if doubling is None:
        return []
    said = (
        f"twice the rows took {text.figure(doubling.value)} off its MAE "
        f"({text.interval_by(basis, doubling)})"
    )
    if doubling.low > 0:
        return [f"The learning curve still falls: {said}."]
    return [f"The learning curve is not shown to fall any more: {said}."]


def _describe_waiting(n_labels: int) -> list[str]:
    if not n_labels:
        return []
    return [f"Not counted in: {_count(n_labels, 'label')} not collected yet."]


def _order_again(
    champion: Version, frame: "pd.DataFrame", scale: Scale, tolerance: float, delay: float
) -> Order:
    """The champion's training with its own parameters, judged on the last labelled week."""
    report = champion.report
    asked = read_plan(report.plan, str(report.plan.get("device", "cpu")))
    best = report.search.get("best")
    plan = replace(asked, parameters=best if isinstance(best, dict) and best else asked.parameters)
    left_out = tuple(name for name, why in report.left_out.items() if why.startswith(LEFT_OUT))
    return Order(
        report.recipe,
        report.seed,
        scale,
        tolerance,
        left_out,
        delay,
        holdout_from_at=choose_recent(frame[AT], spans=WEEKS, min_rows=MIN_ROWS),
        plan=plan,
    )
