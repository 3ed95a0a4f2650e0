"""Shortfalls: a reason never says the opposite of the figures that it stands beside."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.training_report import CurvePoint, Estimate, Metrics, NaiveMetrics
from core.training.evaluate.gate import Evidence, decide_gate, has_skill
from core.training.evaluate.shortfall import (
    BesideGuess,
    ShortfallKind,
    choose_shortfall,
    describe_tolerance,
    is_worse,
)
from core.training.evaluate.verdict import describe_curve, summarize_training
from core.training.models.objective import ABSOLUTE, SQUARED, TOLERANCE
from tests.training.evaluate.test_gate import GOOD

SOME_R2 = Estimate(0.30, 0.09, 0.47)
NO_R2 = Estimate(0.02, -0.1, 0.1)
UNSURE = Estimate(-0.1, -0.3, 0.1)


def _stand(**changes: object) -> BesideGuess:
    metrics = replace(GOOD.metrics, skill=UNSURE, r2=changes.pop("r2", NO_R2))
    standing = BesideGuess(metrics, "median", SQUARED, 5, 2, 200, "50 days")
    return replace(standing, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("standing", "kind"),
    [
        (_stand(r2=SOME_R2), ShortfallKind.AIM),
        (_stand(r2=SOME_R2, objective=TOLERANCE), ShortfallKind.AIM),
        (_stand(r2=SOME_R2, related=0), ShortfallKind.AIM),
        (_stand(r2=SOME_R2, objective=ABSOLUTE), ShortfallKind.GUESS),
        (_stand(r2=SOME_R2, name="category_mean"), ShortfallKind.GUESS),
        (_stand(r2=SOME_R2, name="recent_mean"), ShortfallKind.GUESS),
        (_stand(), ShortfallKind.WEAK),
        (_stand(related=0), ShortfallKind.UNRELATED),
        (_stand(r2=None), ShortfallKind.WEAK),
    ],
)
def test_the_reason_is_the_one_that_the_figures_prove(
    standing: BesideGuess, kind: ShortfallKind
) -> None:
    assert choose_shortfall(standing) is kind


def test_an_aim_that_does_not_fit_the_measure_is_said_with_its_remedy() -> None:
    said = summarize_training(
        replace(GOOD, metrics=replace(GOOD.metrics, skill=UNSURE, r2=SOME_R2))
    )
    assert (
        "the columns say something about the target (R² 0.30, 95 % interval by days 0.09–0.47)"
        in said
    )
    assert said.endswith("train it with the objective absolute.")


def _estimates(low: float, high: float) -> st.SearchStrategy[Estimate]:
    numbers = st.lists(st.floats(low, high), min_size=3, max_size=3)
    return numbers.map(lambda three: Estimate(*(sorted(three)[place] for place in (1, 0, 2))))


@st.composite
def _evidence(draw: st.DrawFn) -> Evidence:
    naive = {
        name: NaiveMetrics(50.0, draw(st.floats(0.1, 40)), 50.0, draw(st.floats(0, 1)))
        for name in ("mean", "median", "recent_mean")
    }
    metrics = Metrics(
        mae=draw(_estimates(0.1, 40)),
        rmse=Estimate(5.0, 4.5, 5.5),
        r2=draw(st.none() | _estimates(-2, 1)),
        accuracy=draw(_estimates(0, 1)),
        skill=draw(_estimates(-2, 1)),
    )
    return replace(
        GOOD,
        metrics=metrics,
        naive=naive,
        related=draw(st.sampled_from([(), ("size",)])),
        objective=draw(st.sampled_from([SQUARED, ABSOLUTE, TOLERANCE])),
    )


@given(_evidence())
def test_no_sentence_says_the_opposite_of_its_figures(evidence: Evidence) -> None:
    said = summarize_training(evidence)
    metrics, gate = evidence.metrics, " ".join(decide_gate(evidence).reasons)
    assert said.startswith("Better") == has_skill(metrics)
    assert said.startswith("Worse") == is_worse(metrics)
    surely = metrics.r2 is not None and metrics.r2.low > 0
    for words in (said, gate):
        if "say something" in words:
            assert surely
        if "too weakly" in words or "says anything" in words:
            assert not surely
        if "objective absolute" in words:
            assert evidence.objective != ABSOLUTE
    best = max(evidence.naive[name].accuracy for name in ("mean", "median"))
    assert ("too wide" in gate) == (best >= 0.9)
    if "too narrow" in gate:
        assert metrics.accuracy.high < 0.05


def _guess(mae: float, accuracy: float) -> dict[str, NaiveMetrics]:
    return {
        "mean": NaiveMetrics(50.0, mae + 1, mae, accuracy / 2),
        "median": NaiveMetrics(50.0, mae, mae, accuracy),
    }


@pytest.mark.parametrize(
    ("model", "constant", "fault"),
    [
        (1.0, 1.0, "too wide"),
        (0.99, 0.93, "too wide"),
        (0.6, 0.95, "too wide"),
        (0.004, 0.01, "too narrow"),
        (0.0, 0.0, "too narrow"),
        (0.8, 0.5, ""),
        (0.1, 0.04, ""),
    ],
)
def test_a_tolerance_by_which_accuracy_says_nothing_is_named(
    model: float, constant: float, fault: str
) -> None:
    metrics = replace(GOOD.metrics, accuracy=Estimate(model, model, model))
    said = describe_tolerance(metrics, _guess(8.0, constant), 20.0)
    assert bool(fault) == bool(said)
    if fault:
        assert fault in said
        assert said.endswith("Set PLUMBLINE_TOLERANCE to 4.00, say.")


@given(_estimates(-5, 5))
def test_a_learning_curve_says_what_its_interval_says(doubling: Estimate) -> None:
    points = [CurvePoint(n, Estimate(8.0, 7.0, 9.0)) for n in (50, 100)]
    said = describe_curve(points, doubling)
    assert said.startswith("More rows would probably help") == (doubling.low > 0)
    assert said.startswith("More rows made it worse") == (doubling.high < 0)
    if "hardly help" in said:
        assert doubling.low <= 0 <= doubling.high <= 0.05 * 8.0
