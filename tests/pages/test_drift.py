"""The monitoring page says what has drifted and who carries the error, or why it cannot."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.domain.monitoring import (
    DriftCheck,
    DriftReport,
    GroupFigures,
    LiveEstimate,
    Segment,
    SegmentReport,
    Subject,
)
from core.domain.training_report import Naive
from core.domain.version import Widening
from core.store.monitoring import drift, health, segments

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]

MOVED = DriftCheck(
    "code_quality",
    True,
    Subject.VALUES,
    effect=0.8,
    noise=0.1,
    minimum=0.1,
    p_value=1e-9,
    passed=True,
    confirmed=True,
    importance=0.75,
    effect_on_mae=1.5,
    bins=("up to 1", "above 1", "missing"),
    before=(0.5, 0.5, 0.0),
    now=(0.1, 0.9, 0.0),
)


def test_drift_that_is_only_suspected_is_said_and_not_called_none(
    full: App, open_page: OpenPage, read: Read
) -> None:
    now = full.now()
    report = DriftReport(
        1,
        now,
        now - timedelta(days=1),
        now,
        n_requests=900,
        n_rows=900,
        checks=(replace(MOVED, confirmed=False),),
        n_columns=2,
        reference_mae=6.0,
        basis="100 held-out rows",
    )
    with full.db.write() as conn:
        drift.append_report(conn, report)
    said = read(open_page("monitoring"))
    assert "**Drift is suspected** in 1 of 2 columns: code" in said
    assert "has drifted" not in said


def test_before_the_first_measurement_the_page_says_so(
    full: App, open_page: OpenPage, read: Read
) -> None:
    said = read(open_page("monitoring"))
    assert "Drift was not measured yet" in said
    assert "No segment was measured yet" in said


def test_what_drifted_and_who_carries_the_error_stand_on_the_page(
    full: App, open_page: OpenPage, read: Read
) -> None:
    now = full.now()
    report = DriftReport(
        1,
        now,
        now - timedelta(days=1),
        now,
        n_requests=900,
        n_rows=900,
        checks=(MOVED,),
        n_columns=2,
        reference_mae=6.0,
        basis="100 held-out rows",
        drifted=("code_quality",),
    )
    culprit = Segment("language", "language = go", 40, 0.4, 9.0, 3.0, 0.7, 0.001)
    found = SegmentReport(
        1,
        now,
        now - timedelta(days=1),
        now,
        100,
        12,
        (culprit,),
        (
            GroupFigures(
                "language",
                "go",
                40,
                mae=LiveEstimate(9.0, 8.0, 10.0),
                accuracy=LiveEstimate(0.2, 0.1, 0.3),
                rmse=LiveEstimate(11.0, 9.5, 12.5),
                skill=LiveEstimate(0.25, 0.1, 0.4),
                naive=Naive(55.0, 12.0, 14.0, 0.15),
            ),
        ),
        (GroupFigures("score", "0 to 20", 3),),
    )
    challenger = replace(found, version=2, n_labelled=31, segments=())
    with full.db.write() as conn:
        drift.append_report(conn, report)
        segments.save_report(conn, found)
        segments.save_report(conn, challenger)
        health.append_widening(conn, Widening(1, now, 1.4, 300, 243, now))
    page = open_page("monitoring")
    said = read(page)
    assert "1 of 2 columns drifted**, which may cost accuracy" in said
    assert "estimated effect on the MAE +1.5 points" in said
    assert "language = go carries 70.0 % of the excess error (n = 40" in said
    assert "Intervals are 1.4 times as wide as training found since 2 March 12:00 UTC" in said
    (table,) = [one.value for one in page.dataframe if {"column", "RMSE"} <= set(one.value)]
    few, go = table.to_dict("records")
    assert set(list(few.values())[3:]) == {"too few labels"}
    assert go == {
        "column": "language",
        "value": "go",
        "labels": 40,
        "accuracy (within ±5)": "20.0 % (10.0–30.0), constant baseline 15.0 %",
        "MAE": "9.00 points (8.00–10.00), constant baseline 12.0",
        "RMSE": "11.0 points (9.5–12.5), constant baseline 14.0",
        "skill": "25.0 % (10.0–40.0)",
    }
    page.segmented_control(key="segment_version").set_value("v2").run()
    said = read(page)
    assert "v2, independent of the window above: 31 labels" in said
    assert "**No segment**" in said
