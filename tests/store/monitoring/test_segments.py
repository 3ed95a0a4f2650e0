"""The labelled answers of a version are read with the label that counts; what was found is kept."""

from dataclasses import replace

import sqlalchemy as sa

from core.domain.monitoring import GroupFigures, LiveEstimate, Segment, SegmentReport
from core.domain.prediction import AnswerSource, Label
from core.domain.training_report import Naive
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.monitoring import segments
from tests.fakes import keep_labels, make_prediction
from tests.streams import HOUR, NOON, add_predictions

REPORT = SegmentReport(
    version=3,
    at=NOON,
    from_at=NOON - HOUR,
    to_at=NOON,
    n_labelled=60,
    n_parts=12,
    segments=(Segment("provider", "provider = openai", 20, 1 / 3, 9.0, 3.0, 0.8, 0.001),),
    groups=(),
    bands=(),
    coverage=LiveEstimate(0.9, 0.8, 0.95),
    width=12.0,
)


def test_the_newest_report_of_a_version_comes_back_as_it_was_kept(db: Database) -> None:
    group = GroupFigures(
        "provider",
        "openai",
        40,
        mae=LiveEstimate(3.0, 2.0, 4.0),
        naive=Naive(61.0, 9.0, 11.0, 0.3),
    )
    later = replace(REPORT, at=NOON + HOUR, segments=(), groups=(group,), coverage=None, width=None)
    with db.write() as conn:
        assert segments.find_last_report(conn, 3) is None
        for report in (REPORT, later, replace(REPORT, version=4)):
            segments.save_report(conn, report)
        assert segments.find_last_report(conn, 3) == later
        assert segments.find_last_report(conn, 4) == replace(REPORT, version=4)
        assert segments.load_last_reports(conn, NOON) == [later, replace(REPORT, version=4)]
        assert segments.load_last_reports(conn, NOON + HOUR) == [later]


def test_of_a_day_the_last_report_of_a_version_is_kept(db: Database) -> None:
    with db.write() as conn:
        for hours in (0, 1, 30, 31):
            segments.save_report(conn, replace(REPORT, at=NOON + hours * HOUR))
        kept = conn.execute(sa.select(schema.segment_reports.c.at).order_by("at")).scalars()
        assert list(kept) == [NOON + HOUR, NOON + 31 * HOUR]


def test_versions_are_those_of_the_newest_labels(db: Database) -> None:
    rows = [
        make_prediction(f"v{version}", at=at, version=version, source=source)
        for version, at, source in (
            (1, NOON - 2 * HOUR, AnswerSource.MODEL),
            (2, NOON, AnswerSource.HEURISTIC),
            (3, NOON, AnswerSource.MODEL),
            (4, NOON, AnswerSource.MODEL),
        )
    ]
    add_predictions(db, rows)
    with db.write() as conn:
        given = (rows[3], *rows[:3])
        keep_labels(conn, (Label(row.id, 50.0, NOON, "ada", NOON) for row in given))
    with db.read() as conn:
        assert segments.list_labelled_versions(conn, NOON - HOUR, 100) == [3, 4]
        assert segments.list_labelled_versions(conn, NOON - HOUR, 3) == [3]


def test_answers_come_with_the_label_that_counts_the_newest_label_first(db: Database) -> None:
    add_predictions(
        db,
        [
            make_prediction("a", at=NOON, version=3, score=50.0, features={"provider": "openai"}),
            make_prediction("b", at=NOON, version=3, score=60.0, low=55.0, high=65.0, features={}),
            make_prediction("other", at=NOON, version=2),
            make_prediction("fallback", at=NOON, version=3, source=AnswerSource.HEURISTIC),
            make_prediction("old", at=NOON - 2 * HOUR, version=3),
            make_prediction("waits", at=NOON, version=3),
        ],
    )
    with db.write() as conn:
        given = (
            *(("a", 40.0), ("b", 61.0), ("other", 1.0), ("fallback", 1.0), ("old", 1.0)),
            ("a", 45.0),  # corrected
        )
        keep_labels(conn, (Label(name, actual, NOON, "ada", NOON) for name, actual in given))
    with db.read() as conn:
        found = segments.load_labelled(conn, 3, NOON - HOUR, 100)
        assert [(row.score, row.actual) for row in found] == [(50.0, 45.0), (60.0, 61.0)]
        assert (found[1].low, found[1].high) == (55.0, 65.0)
        assert (found[0].at, found[0].features) == (NOON, {"provider": "openai"})
        assert [row.actual for row in segments.load_labelled(conn, 3, NOON - HOUR, 1)] == [45.0]
