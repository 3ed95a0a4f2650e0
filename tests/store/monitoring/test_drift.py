"""References are pinned once, windows come back newest first, and requests are read in steps."""

from dataclasses import replace
from datetime import timedelta

from core.domain.monitoring import Bins, DriftCheck, DriftReport, Reference, Subject
from core.domain.prediction import AnswerSource
from core.store.engine.database import Database
from core.store.monitoring import drift
from tests.fakes import make_prediction
from tests.streams import HOUR, NOON, add_predictions

LENGTH = Bins(
    name="length",
    is_feature=True,
    edges=(1.0, 2.5),
    levels=(),
    known=frozenset(),
    counts=(3, 4, 5, 0),
    blocks=((1, 2, 3, 0), (2, 2, 2, 0)),
    spread=0.7,
    costs=(0.1, -0.2, 0.3, 0.0),
)
PROVIDER = Bins(
    name="provider",
    is_feature=True,
    edges=(),
    levels=("openai", "google"),
    known=frozenset({"openai", "google", "mistral"}),
    counts=(7, 4, 1, 0),
    blocks=(),
    spread=0.0,
    unseen_share=0.01,
)
REFERENCE = Reference(3, NOON, 12, 2, 4.5, (LENGTH, PROVIDER), estimates=True)
CHECK = DriftCheck(
    "length", True, Subject.MISSING, 0.4, 0.1, 0.1, 0.001, True, True, 0.5, 1.25, before=(0.5, 0.5)
)
REPORT = DriftReport(
    3, NOON, NOON - HOUR, NOON, 900, 900, (CHECK,), 2, 4.5, 5.75, basis="days", drifted=("length",)
)


def test_a_reference_comes_back_as_it_was_pinned_and_the_first_stays(db: Database) -> None:
    with db.write() as conn:
        assert drift.find_reference(conn, 3) is None
        drift.append_reference(conn, REFERENCE)
        drift.append_reference(conn, replace(REFERENCE, mae=9.0))
        assert drift.find_reference(conn, 3) == REFERENCE
        assert drift.find_reference(conn, 4) is None


def test_windows_of_a_version_come_back_newest_first(db: Database) -> None:
    later = replace(REPORT, at=NOON + HOUR, to_at=NOON + HOUR, note="too few rows", drifted=())
    with db.write() as conn:
        assert drift.find_last_report(conn, 3) is None
        for report in (REPORT, later, replace(REPORT, version=4)):
            drift.append_report(conn, report)
        assert drift.load_reports(conn, 3, 10) == [later, REPORT]
        assert drift.load_reports(conn, 3, 10, before=NOON) == [REPORT]
        assert drift.find_last_report(conn, 3) == later


def test_requests_bring_their_inputs_and_only_the_asked_model_s_scores(db: Database) -> None:
    asked = [
        make_prediction("a", at=NOON, version=3, score=50.0, features={"length": 1.5}),
        make_prediction("b", at=NOON + HOUR, version=2, score=60.0, features={"length": None}),
        make_prediction(
            "c",
            at=NOON + HOUR,
            version=3,
            source=AnswerSource.HEURISTIC,
            features={"provider": "é"},
        ),
        make_prediction("d", at=NOON + 2 * HOUR, version=3, features={}),
    ]
    add_predictions(db, asked)
    end = NOON + 2 * HOUR
    with db.read() as conn:
        found = list(drift.stream_inputs(conn, NOON, end, version=3, every=1))
        assert found == [
            ({"length": 1.5}, 50.0),
            ({"length": None}, None),
            ({"provider": "é"}, None),
        ]
        assert drift.count_inputs(conn, NOON, end) == 3
        thinned = drift.stream_inputs(conn, NOON, end, version=3, every=2)
        assert list(thinned) == [({"length": None}, None)]
        assert drift.count_inputs(conn, end, end + timedelta(days=1)) == 1
