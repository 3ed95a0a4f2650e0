"""Why one version and not another: never more than the figures allow."""

from dataclasses import replace

from core.domain.training_report import Estimate, Gate
from core.domain.version import Version
from core.training.compare.version_diff import explain_choice, share_holdout
from tests.conftest import NOON
from tests.fakes import make_report


def version(number: int, mae: Estimate, snapshot_id: int = 1, **changes: object) -> Version:
    report = make_report()
    report = replace(report, metrics=replace(report.metrics, mae=mae), n_holdout=240, **changes)  # type: ignore[arg-type]
    return Version(number, snapshot_id, None, "a" * 64, report, NOON, "ana")


GOOD, BAD = Estimate(6.1, 5.9, 6.3), Estimate(7.0, 6.5, 7.5)


def test_the_smallest_error_is_named_first_whatever_the_order() -> None:
    first, *rest = explain_choice([version(6, BAD), version(7, GOOD)], serving=6)
    assert first == (
        "v7 errs least on the same 240 held-out rows: MAE 6.10 (5.90–6.30) points against "
        "7.00 (6.50–7.50) of v6; the 95 % intervals do not overlap."
    )
    assert rest == ["v6 serves now, and passed its gate.", "v7 passed its gate."]


def test_overlapping_intervals_decide_nothing() -> None:
    first = explain_choice([version(7, GOOD), version(6, Estimate(6.2, 6.0, 6.4))], None)[0]
    assert "the 95 % intervals overlap: only a comparison row by row can tell" in first


def test_other_rows_are_said_to_be_others() -> None:
    versions = [version(7, GOOD, snapshot_id=2), version(6, BAD)]
    assert not share_holdout(versions)
    assert "not all were judged by the same held-out rows" in explain_choice(versions, None)[0]


def test_the_comparison_with_the_champion_of_its_time_is_told_where_both_are_there() -> None:
    new = version(
        7, GOOD, champion=6, improvement=Estimate(0.9, 0.4, 1.4), n_compared=230, commit="x"
    )
    said = explain_choice([new, version(6, BAD)], None)[1]
    assert said == (
        "Row by row on 230 held-out rows that v6 had not learned from, v7 is better: its MAE is "
        "0.900 (0.400–1.400) points smaller."
    )
    assert len(explain_choice([new, version(5, BAD)], None)) == 3


def test_a_larger_error_is_called_larger() -> None:
    new = version(7, BAD, champion=6, improvement=Estimate(-0.9, -1.4, -0.4), n_compared=230)
    assert explain_choice([new, version(6, GOOD)], None)[1] == (
        "Row by row on 230 held-out rows that v6 had not learned from, v7 is worse: its MAE is "
        "0.900 (0.400–1.400) points larger."
    )


def test_a_refusal_is_told_with_its_reason_and_synthetic_rows_are_named() -> None:
    gate = Gate(False, ("Passed: enough rows.", "Failed: no better than the median."))
    bad = version(7, GOOD, gate=gate, synthetic=True)
    assert explain_choice([bad, version(6, BAD)], None)[1] == (
        "v7 was refused by its gate: no better than the median. It was trained on synthetic rows."
    )
