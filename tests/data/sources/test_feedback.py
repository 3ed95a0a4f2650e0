"""A labelled prediction becomes a row to learn from, once, whatever happens in between."""

from datetime import datetime

import pytest

from core.data.context import CollectContext
from core.data.sources import feedback as feedback_module
from core.data.sources.feedback import SOURCE, build_feedback_samples, collect_feedback
from core.domain.prediction import AnswerSource as Answerer
from core.domain.prediction import LabelledPrediction
from core.domain.sample import Provenance, Sample
from core.domain.source import CollectionOutcome, Source
from core.errors import Cancelled
from core.store.data import sources
from core.store.engine.database import Database
from core.store.predictions.batches import append_batches
from tests.fakes import make_batch, make_prediction
from tests.streams import DAY, NOON, SCALE, add_labels, add_predictions, stream_samples


def collect(db: Database, now: datetime = NOON) -> Source | None:
    return collect_feedback(CollectContext(db, SCALE, "ada", lambda: now, lambda *_: None))


def load(db: Database) -> dict[str | None, Sample]:
    with db.read() as conn:
        return {sample.external_id: sample for sample in stream_samples(conn)}


def test_a_prediction_with_its_label_becomes_a_sample(db: Database) -> None:
    asked = make_prediction("a", text="some text", unit_id="repo-7")
    add_predictions(db, [asked, make_prediction("unlabelled")])
    add_labels(db, [("a", 74.0)])
    source = collect(db)
    assert source is not None
    assert (source.n_received, source.n_new, source.outcome) == (1, 1, CollectionOutcome.COLLECTED)
    assert load(db) == {
        "a": Sample(
            source=SOURCE,
            provenance=Provenance.FEEDBACK,
            features=asked.features,
            target=74.0,
            at=asked.at,
            text="some text",
            group="repo-7",
            external_id="a",
            labelled_at=NOON,
        )
    }


def test_a_labelled_row_of_a_batch_becomes_a_sample_though_the_batch_waits(db: Database) -> None:
    batch = make_batch(3)
    with db.write() as conn:
        append_batches(conn, [batch])
    add_labels(db, [(batch.ids[1], 74.0)])
    collect(db)
    assert [(key, one.group) for key, one in load(db).items()] == [(batch.ids[1], "unit 1")]


def test_it_does_not_matter_who_answered(db: Database) -> None:
    add_predictions(db, [make_prediction(who.value, source=who) for who in Answerer])
    add_labels(db, [(who.value, 50.0) for who in Answerer])
    collect(db)
    assert set(load(db)) == {"model", "heuristic", "failed", "refused"}


def test_collecting_again_brings_nothing_and_says_so(db: Database) -> None:
    add_predictions(db, [make_prediction("a")])
    add_labels(db, [("a", 74.0)])
    collect(db)
    again = collect(db, NOON + DAY)
    assert again is not None
    assert (again.n_received, again.message, again.started_at) == (0, "Nothing new.", NOON + DAY)
    assert len(load(db)) == 1


def test_a_corrected_label_takes_over_and_so_does_one_that_is_taken_back(db: Database) -> None:
    add_predictions(db, [make_prediction("a")])
    for actual in (10.0, 20.0, 10.0):
        add_labels(db, [("a", actual)])
        collect(db)
        assert [sample.target for sample in load(db).values()] == [actual]


def test_without_a_label_there_is_no_such_source(db: Database) -> None:
    add_predictions(db, [make_prediction("a")])
    assert collect(db) is None
    with db.read() as conn:
        assert sources.find_source(conn, SOURCE) is None


def test_a_prediction_that_comes_after_its_label_is_learned_from(db: Database) -> None:
    add_labels(db, [("a", 74.0)])
    collect(db)
    add_predictions(db, [make_prediction("a")])
    collect(db)
    assert set(load(db)) == {"a"}


def test_a_cancelled_collection_goes_on_where_it_stopped(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback_module, "ROWS_PER_PIECE", 2)
    names = [f"p{i}" for i in range(7)]
    add_predictions(db, [make_prediction(name) for name in names])
    add_labels(db, [(name, float(i)) for i, name in enumerate(names)])

    def stop(share: float, text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        collect_feedback(CollectContext(db, SCALE, "ada", lambda: NOON, stop))
    assert len(load(db)) == 2
    source = collect(db)
    assert source is not None
    assert (source.n_received, source.n_new) == (5, 5)
    assert set(load(db)) == set(names)


def test_labels_off_the_scale_and_predictions_of_nothing_are_rejected_with_a_sentence() -> None:
    rows = [
        LabelledPrediction("off", NOON, {"a": 1.0}, None, None, 174.0, NOON),
        LabelledPrediction("empty", NOON, {}, None, None, 74.0, NOON),
        LabelledPrediction("text", NOON, {}, "words", None, 74.0, NOON),
    ]
    taken, rejected = build_feedback_samples(rows, SCALE)
    assert [sample.external_id for sample in taken] == ["text"]
    assert [(rejection.row, rejection.message) for rejection in rejected] == [
        (1, "prediction off: its label 174 is outside the scale 0 to 100"),
        (2, "prediction empty: it has no feature and no text"),
    ]
