"""The differences between two versions, and the reasons to prefer one, in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core import text
from core.domain.dataset import Snapshot
from core.domain.training_report import Estimate
from core.domain.version import Version, version_name
from core.training.evaluate.gate import FAILED
from core.training.plan import SCORE


def share_holdout(versions: Sequence[Version]) -> bool:
    """Return True if all were evaluated on the same holdout rows."""
    return len({(v.snapshot_id, v.report.split, v.report.n_holdout) for v in versions}) <= 1


def explain_choice(versions: Sequence[Version], serving: int | None) -> tuple[str, ...]:
    """Return, most telling first, which of two or more versions errs least and whether by more than
    chance, the verdicts of their gates, and which serves (`serving`, by its number)."""
    return (
        _name_best(versions),
        *(sentence for v in versions if (sentence := _compare_pair(v, versions))),
        *(_judge(version, serving) for version in versions),
    )


def _name_best(versions: Sequence[Version]) -> str:
    ranked = sorted(versions, key=lambda version: version.report.metrics.mae.value)
    best, second = ranked[0], ranked[1]
    ours, theirs = best.report.metrics.mae, second.report.metrics.mae
    against = f"MAE {text.estimate(ours)} points against {text.estimate(theirs)} of {second.name}"
    if not share_holdout(versions):
        return (
            f"{best.name} reports the smallest error ({against}), but not all were judged by the "
            "same held-out rows: score them on the same rows to know."
        )
    rows = f"on the same {best.report.n_holdout:,} held-out rows"
    bases = (version.report.basis for version in (best, second))
    intervals = f"95 % intervals{text.by_blocks(*bases)}"
    if ours.high < theirs.low:
        return f"{best.name} errs least {rows}: {against}; the {intervals} do not overlap."
    return (
        f"{best.name} errs least {rows} ({against}), but the {intervals} overlap: only a "
        "comparison row by row can tell them apart."
    )


def _compare_pair(version: Version, versions: Sequence[Version]) -> str | None:
    """Return what the training itself found against the champion of its time, if that is among
    them."""
    report = version.report
    gain = report.improvement
    if gain is None or report.champion not in {other.number for other in versions}:
        return None
    champion = version_name(report.champion or 0)
    verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "neither better nor worse"
    loss = Estimate(-gain.value, -gain.high, -gain.low)
    changed, how = (loss, "larger") if loss.value > 0 else (gain, "smaller")
    return (
        f"Row by row on {report.n_compared:,} held-out rows that {champion} had not learned from, "
        f"{version.name} is {verdict}: its MAE is {text.estimate(changed)} points {how}."
    )


def _judge(version: Version, serving: int | None) -> str:
    gate = version.report.gate
    serves = f"{version.name} serves now" if version.number == serving else version.name
    verdict = "passed its gate" if gate.passed else "was refused by its gate"
    joined = f"{serves}, and {verdict}" if version.number == serving else f"{serves} {verdict}"
    failed = [reason.removeprefix(FAILED) for reason in gate.reasons if reason.startswith(FAILED)]
    demo = " It was trained on synthetic rows." if version.report.synthetic else ""
    if gate.passed or not failed:
        return f"{joined}.{demo}"
    return f"{joined}: {failed[0]}{demo}"


_MAX_NAMES = 6


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One difference as a sentence; `area` is "data", "features", "parameters", "code" or
    "libraries"."""

    area: str
    text: str


def describe_changes(
    before: Version, after: Version, rows_before: Snapshot, rows_after: Snapshot
) -> tuple[VersionChange, ...]:
    """Everything that the second version was trained with and the first was not, and the other way
    round; empty where both were trained alike. What a report does not say counts as unknown, never
    as the same."""
    found: dict[str, Iterable[str]] = {
        "data": compare_rows(rows_before, rows_after),
        "features": _compare_features(before, after),
        "parameters": compare_values(list_parameters(before), list_parameters(after)),
        "code": _compare_code(before, after),
        "libraries": _compare_libraries(before, after),
    }
    return tuple(VersionChange(area, text) for area, texts in found.items() for text in texts)


def compare_rows(before: Snapshot, after: Snapshot) -> list[str]:
    """Describe the differences between the rows of two snapshots.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, tzinfo=UTC)
    >>> one = Snapshot(1, "5" * 64, "x", 1200, 0, ("a",), {}, at, at, at, "ana")
    >>> two = Snapshot(2, "6" * 64, "y", 1350, 0, ("a", "b"), {}, at, at, at, "ana")
    >>> compare_rows(one, two)
    ['The rows were 1,200 and are 1,350.', 'New columns in the data: b.']
    >>> compare_rows(one, one)
    []
    """
    if before.content_hash == after.content_hash:
        return []
    found = [
        f"The rows were {before.n_rows:,} and are {after.n_rows:,}."
        if before.n_rows != after.n_rows
        else f"The rows are others, although {after.n_rows:,} both times."
    ]
    if bool(before.n_synthetic) != bool(after.n_synthetic):
        was, now = ("synthetic" if s.n_synthetic else "real" for s in (before, after))
        found.append(f"The rows were {was} and are {now}.")
    for what, then, now_at in (
        ("oldest", before.first_at, after.first_at),
        ("newest", before.last_at, after.last_at),
    ):
        if then != now_at:
            found.append(f"The {what} row was of {_day(then)} and is of {_day(now_at)}.")
    return [*found, *_compare_names(before.columns, after.columns, "columns in the data")]


def compare_values(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """List the named values that differ.

    >>> compare_values({"depth": "4", "rate": "0.1"}, {"depth": "6", "window": "auto"})
    ['depth was 4 and is 6.', 'rate was 0.1 and is not set.', 'window was not set and is auto.']
    """
    names = dict.fromkeys([*before, *after])
    return [
        f"{name} was {before.get(name, 'not set')} and is {after.get(name, 'not set')}."
        for name in names
        if before.get(name) != after.get(name)
    ]


def list_parameters(version: Version) -> dict[str, str]:
    """Return the parameters that were asked for and those that the search chose, by name."""
    report = version.report
    best = report.search.get("best")
    return {
        "recipe": report.recipe,
        "seed": str(report.seed),
        "split": report.split,
        "tolerance": f"{report.tolerance:g}",
        "label delay, seconds": f"{report.label_delay_seconds:g}",
        "purpose": str(report.plan.get("purpose", SCORE)),
        "objective": report.objective,
        **({"training window": _name_window(report.window)} if report.window else {}),
        "search": str(report.search.get("method") or "none"),
        **{str(name): _say(value) for name, value in _items(best)},
    }


def _compare_features(before: Version, after: Version) -> list[str]:
    found = _compare_names(
        before.report.features_selected, after.report.features_selected, "features"
    )
    gone = [
        f"{name} ({after.report.left_out[name]})"
        for name in before.report.features_selected
        if name not in after.report.features_selected and name in after.report.left_out
    ]
    return [*found, f"Why: {_join(gone, '; ')}."] if gone else found


def _compare_names(before: Iterable[str], after: Iterable[str], what: str) -> list[str]:
    then, now = list(before), list(after)
    new = [name for name in now if name not in then]
    gone = [name for name in then if name not in now]
    return [f"New {what}: {_join(new)}."] * bool(new) + [
        f"No longer among the {what}: {_join(gone)}."
    ] * bool(gone)


def _compare_code(before: Version, after: Version) -> list[str]:
    then, now = before.report.commit, after.report.commit
    if not then or not now:
        unknown = before if not then else after
        return [f"The report of {unknown.name} does not say by which code it was trained."]
    if then != now:
        return [f"The code was {then} and is {now}."]
    if now.endswith("+changes"):
        base = now.removesuffix("+changes")
        return [f"Both ran code with changes beside {base}, which may not be the same."]
    return []


def _compare_libraries(before: Version, after: Version) -> list[str]:
    for version in (before, after):
        if not version.report.environment:
            return [f"The report of {version.name} does not say on which libraries it was trained."]
    return compare_values(before.report.environment, after.report.environment)


def _name_window(reason: str) -> str:
    """The window alone, of `report.window`, which also says why."""
    return reason.split(":")[0].split(",")[0]


def _join(names: list[str], separator: str = ", ") -> str:
    rest = len(names) - _MAX_NAMES
    return separator.join(names[:_MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _items(best: object) -> Iterable[tuple[object, object]]:
    return best.items() if isinstance(best, Mapping) else ()


def _say(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _day(at: datetime | None) -> str:
    return "unknown time" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
