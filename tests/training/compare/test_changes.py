"""What changed between two versions is said in words, and nothing is said where nothing did."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.domain.dataset import Snapshot
from core.domain.version import Version
from core.training.compare.version_diff import describe_changes
from tests.conftest import NOON
from tests.fakes import make_report

ROWS = Snapshot(1, "5" * 64, "x", 1200, 0, ("a", "b"), {}, NOON, NOON, NOON, "ana")
KNOWN = replace(
    make_report(),
    environment={"python": "3.11", "xgboost": "2.1"},
    commit="abc",
    search={"best": {"max_depth": 4, "learning_rate": 0.1}, "method": "grid"},
    features_selected=("a", "b"),
    left_out={},
)


def version(number: int, at: datetime = NOON, **changes: object) -> Version:
    return Version(number, 1, None, "a" * 64, replace(KNOWN, **changes), at, "ana")  # type: ignore[arg-type]


def say(after: Version, rows: Snapshot = ROWS) -> list[tuple[str, str]]:
    return [(c.area, c.text) for c in describe_changes(version(6), after, ROWS, rows)]


def test_versions_that_were_trained_alike_differ_in_nothing() -> None:
    assert say(version(7)) == []
    assert say(version(7, gate=make_report(passed=False).gate, seconds=99.0)) == []


def test_other_rows_are_named_by_count_span_columns_and_provenance() -> None:
    rows = replace(
        ROWS,
        id=2,
        content_hash="6" * 64,
        n_rows=1350,
        n_synthetic=1350,
        columns=("b", "c"),
        last_at=NOON + timedelta(days=7),
        first_at=None,
    )
    assert say(version(7), rows) == [
        ("data", "The rows were 1,200 and are 1,350."),
        ("data", "The rows were real and are synthetic."),
        ("data", "The oldest row was of 2026-03-02 12:00 UTC and is of unknown time."),
        ("data", "The newest row was of 2026-03-02 12:00 UTC and is of 2026-03-09 12:00 UTC."),
        ("data", "New columns in the data: c."),
        ("data", "No longer among the columns in the data: a."),
    ]
    same_count = replace(ROWS, content_hash="7" * 64)
    assert say(version(7), same_count) == [
        ("data", "The rows are others, although 1,200 both times.")
    ]


def test_a_window_is_the_same_whatever_the_reason_for_it() -> None:
    asked = version(6, window="all history, as asked for")
    chosen = version(7, window="all history: MAE 3 in the validation, and no window is better")
    assert describe_changes(asked, chosen, ROWS, ROWS) == ()


def test_features_that_came_and_went_are_named_with_the_reason() -> None:
    after = version(7, features_selected=("b", "c"), left_out={"a": "left out by ana"})
    assert say(after) == [
        ("features", "New features: c."),
        ("features", "No longer among the features: a."),
        ("features", "Why: a (left out by ana)."),
    ]
    many = version(7, features_selected=("a", "b", *(f"t{i}" for i in range(9))))
    assert say(many) == [("features", "New features: t0, t1, t2, t3, t4, t5 and 3 more.")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"recipe": "enhanced"}, "recipe was baseline and is enhanced."),
        ({"seed": 3}, "seed was 1 and is 3."),
        ({"objective": "tolerance"}, "objective was squared and is tolerance."),
        ({"window": "the last 90 days"}, "training window was not set and is the last 90 days."),
        (
            {"search": {"best": {"max_depth": 6, "learning_rate": 0.1}, "method": "grid"}},
            "max_depth was 4 and is 6.",
        ),
    ],
)
def test_a_parameter_that_differs_is_named(changes: dict[str, object], sentence: str) -> None:
    assert say(version(7, **changes)) == [("parameters", sentence)]


def test_code_and_libraries_are_named_and_unknown_is_no_sameness() -> None:
    after = version(7, commit="def", environment={"python": "3.11", "xgboost": "3.0"})
    assert say(after) == [
        ("code", "The code was abc and is def."),
        ("libraries", "xgboost was 2.1 and is 3.0."),
    ]
    assert say(version(7, commit="", environment={})) == [
        ("code", "The report of v7 does not say by which code it was trained."),
        ("libraries", "The report of v7 does not say on which libraries it was trained."),
    ]


def test_code_with_changes_that_no_commit_holds_may_differ() -> None:
    one, two = version(6, commit="abc+changes"), version(7, commit="abc+changes")
    (change,) = describe_changes(one, two, ROWS, ROWS)
    assert change.text == "Both ran code with changes beside abc, which may not be the same."
