"""Why one version and not another: what can be said from their reports, in sentences."""

from collections.abc import Sequence

from core.domain.report import Estimate
from core.domain.version import Version, version_name
from core.training.gate import FAILED


def share_holdout(versions: Sequence[Version]) -> bool:
    """Whether all were judged by the same held-out rows."""
    return len({(v.snapshot_id, v.report.split, v.report.n_holdout) for v in versions}) <= 1


def explain_choice(versions: Sequence[Version], serving: int | None) -> tuple[str, ...]:
    """Which of two or more versions errs least and whether that is more than chance, what their
    gates said, and which serves (`serving`, by its number), the most telling first."""
    return (
        _name_best(versions),
        *(sentence for v in versions if (sentence := _compare_pair(v, versions))),
        *(_judge(version, serving) for version in versions),
    )


def _name_best(versions: Sequence[Version]) -> str:
    ranked = sorted(versions, key=lambda version: version.report.metrics.mae.value)
    best, second = ranked[0], ranked[1]
    ours, theirs = best.report.metrics.mae, second.report.metrics.mae
    against = f"MAE {_limits(ours)} points against {_limits(theirs)} of {second.name}"
    if not share_holdout(versions):
        return (
            f"{best.name} reports the smallest error ({against}), but not all were judged by the "
            "same held-out rows: score them on the same rows to know."
        )
    rows = f"on the same {best.report.n_holdout:,} held-out rows"
    if ours.high < theirs.low:
        return f"{best.name} errs least {rows}: {against}; the 95 % intervals do not overlap."
    return (
        f"{best.name} errs least {rows} ({against}), but the 95 % intervals overlap: only a "
        "comparison row by row can tell them apart."
    )


def _compare_pair(version: Version, versions: Sequence[Version]) -> str | None:
    """What the training itself found against the champion of its time, where that is among them."""
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
        f"{version.name} is {verdict}: its MAE is {_limits(changed)} points {how}."
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


def _limits(figure: Estimate) -> str:
    return f"{figure.value:.3g} ({figure.low:.3g} to {figure.high:.3g})"
