"""The monitoring page says what has drifted and who carries the error, or why it cannot."""

from collections.abc import Callable
from datetime import timedelta

from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.domain.drift import DriftCheck, DriftReport, Subject
from core.domain.report import Estimate
from core.domain.segment import GroupFigures, Segment, SegmentReport
from core.domain.widening import Widening
from core.store import drift, segments, widenings

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


def test_before_the_first_measurement_the_page_says_so(
    full: App, open_page: OpenPage, read: Read
) -> None:
    said = read(open_page("monitoring"))
    assert "Drift was not measured yet" in said
    assert "No part of the traffic was looked at yet: that takes 30 labels" in said


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
        (GroupFigures("language", "go", 40, Estimate(9.0, 8.0, 10.0), Estimate(0.2, 0.1, 0.3)),),
        (GroupFigures("score", "0 to 20", 3),),
    )
    with full.db.write() as conn:
        drift.append_report(conn, report)
        segments.append_report(conn, found)
        widenings.append_widening(conn, Widening(1, now, 1.4, 300, 243, now))
    page = open_page("monitoring")
    said = read(page)
    assert "1 of 2 columns drifted**, which may cost accuracy" in said
    assert "estimated effect on the MAE +1.5 points" in said
    assert "language = go carries 70 % of the excess error (n = 40" in said
    assert "Intervals are 1.4 times as wide as training found since 2 March 12:00 UTC" in said
    tables = [table.value for table in page.dataframe if "MAE, points" in table.value]
    assert tables[0]["MAE, points"].tolist()[0] == "too few labels"
