"""From a score or a guess to the prediction that is logged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from core.domain.model_card import Band, Card, find_limits
from core.domain.prediction import AnswerSource, Route, Variant
from core.errors import InvalidInput
from core.serving.answer import (
    Ask,
    ScoringAttempt,
    build_guessed_prediction,
    build_id,
    build_model_prediction,
    check_scores,
    choose_refusal,
    find_all_limits,
    mark_batch,
)
from core.serving.fallback import Guess
from core.serving.files.parts import Options, choose_plan
from core.settings import Scale
from tests.fakes import make_card, make_prediction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HUNDRED = Scale(0.0, 100.0)
ATTEMPT = ScoringAttempt("id", NOON, 7, 3, Variant.CHAMPION, 1.5)
ASK = Ask({"codeQuality": 80.0}, "some text", "unit 1", NOON - timedelta(days=1))


def test_an_id_is_a_version_7_uuid_of_its_moment() -> None:
    parsed = UUID(build_id(NOON, b"\xff" * 10))
    assert parsed.version == 7
    assert parsed.variant == "specified in RFC 4122"
    assert parsed.int >> 80 == int(NOON.timestamp() * 1000)


def test_ids_sort_by_time_whatever_the_random_part() -> None:
    earlier = build_id(NOON, b"\xff" * 10)
    later = build_id(NOON + timedelta(milliseconds=1), b"\x00" * 10)
    assert earlier < later
    assert len(earlier) == 32


def test_ids_of_one_moment_differ_by_all_their_random_bits() -> None:
    ids = {build_id(NOON, (1 << bit).to_bytes(10, "big")) for bit in range(80)}
    assert len(ids - {build_id(NOON, bytes(10))}) == 74


def test_a_models_prediction_carries_everything_of_the_request() -> None:
    prediction = build_model_prediction(ASK, ATTEMPT, 70.0, make_card(4.0), HUNDRED)
    assert (prediction.score, prediction.low, prediction.high) == (70.0, 66.0, 74.0)
    assert prediction.source is AnswerSource.MODEL
    assert prediction.reason is None
    assert (prediction.text, prediction.unit_id) == ("some text", "unit 1")
    assert prediction.event_at == NOON - timedelta(days=1)
    assert (prediction.revision, prediction.version, prediction.latency_ms) == (7, 3, 1.5)


@pytest.mark.parametrize(
    ("score", "expected"),
    [(99.0, (99.0, 95.0, 100.0)), (2.0, (2.0, 0.0, 6.0)), (120.0, (100.0, 96.0, 100.0))],
)
def test_score_and_limits_are_clipped_to_the_scale(
    score: float, expected: tuple[float, float, float]
) -> None:
    prediction = build_model_prediction(ASK, ATTEMPT, score, make_card(4.0), HUNDRED)
    assert (prediction.score, prediction.low, prediction.high) == expected


def test_without_a_known_interval_there_are_no_limits() -> None:
    prediction = build_model_prediction(ASK, ATTEMPT, 70.0, make_card(None), HUNDRED)
    assert (prediction.low, prediction.high) == (None, None)


def test_a_guess_says_why_and_how_and_has_no_limits() -> None:
    guess = Guess(65.0, "mean of the newest 2 labels")
    prediction = build_guessed_prediction(ASK, ATTEMPT, "No version is deployed", guess, None)
    assert prediction.source is AnswerSource.HEURISTIC
    assert prediction.reason == (
        "No version is deployed; the score is the mean of the newest 2 labels."
    )
    assert (prediction.score, prediction.low, prediction.high) == (65.0, None, None)


def test_without_a_guess_the_attempt_failed_and_has_no_score() -> None:
    guess = Guess(None, "there is nothing to guess from either")
    prediction = build_guessed_prediction(ASK, ATTEMPT, "No version is deployed", guess, None)
    assert prediction.source is AnswerSource.FAILED
    assert prediction.score is None
    assert prediction.reason == (
        "No version is deployed, and there is nothing to guess from either."
    )


@pytest.mark.parametrize(
    ("features", "text", "source"),
    [
        ({}, None, AnswerSource.REFUSED),
        ({"other": 1.0}, "words that it does not read", AnswerSource.REFUSED),
        ({"codeQuality": None}, None, AnswerSource.REFUSED),
        ({"codeQuality": "high"}, None, AnswerSource.FAILED),
    ],
)
def test_what_has_nothing_that_the_version_reads_is_refused_where_nobody_can_guess(
    features: dict[str, float | str | None], text: str | None, source: AnswerSource
) -> None:
    """A value that it cannot score may be its own fault."""
    ask, guess = Ask(features, text), Guess(None, "there is nothing to guess from either")
    prediction = build_guessed_prediction(ask, ATTEMPT, "it cannot", guess, make_card())
    assert (prediction.source, prediction.score) == (source, None)


@pytest.mark.parametrize(
    ("sources", "stands"),
    [
        (["model", "model"], 0),
        (["model", "failed", "heuristic"], 2),
        (["failed", "model"], 1),
        (["refused", "failed"], 1),
        (["refused", "refused"], 0),
    ],
)
def test_one_row_of_a_batch_stands_for_what_its_caller_got(sources: list[str], stands: int) -> None:
    rows = [
        make_prediction(f"p{i}", source=AnswerSource(one), batch_rows=0)
        for i, one in enumerate(sources)
    ]
    marked = mark_batch(rows)
    assert [row.batch_rows for row in marked] == [
        len(rows) if place == stands else 0 for place in range(len(rows))
    ]
    assert {row.route for row in marked} == {Route.BATCH}


def test_candidates_that_were_timed_together_share_the_time_of_their_request() -> None:
    marked = mark_batch([make_prediction(f"c{place}", latency_ms=8.0) for place in range(4)])
    assert [(row.batch_rows, row.latency_ms) for row in marked] == [
        (4, 2.0),
        (0, 2.0),
        (0, 2.0),
        (0, 2.0),
    ]


def test_a_row_with_one_feature_of_the_model_is_scored() -> None:
    assert choose_refusal({"codeQuality": 0.0, "other": 1.0}, make_card(), 3) is None


@pytest.mark.parametrize("features", [{}, {"code_qualty": 80.0}, {"codeQuality": None}])
def test_a_row_with_nothing_that_the_model_reads_is_not_scored(
    features: dict[str, float | None],
) -> None:
    refusal = choose_refusal(features, make_card(), 3)
    assert refusal == (
        "The request has none of the features that v3 reads (codeQuality, testCoverage)"
    )


def test_of_many_features_only_the_first_are_named() -> None:
    card = replace(make_card(), features=tuple(f"f{i}" for i in range(19)))
    assert str(choose_refusal({}, card, 3)).endswith("(f0, f1, f2, f3, f4, f5 and 13 more)")


@pytest.mark.parametrize("scores", [[1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_scores_that_are_too_few_or_not_finite_are_no_scores(scores: list[float]) -> None:
    with pytest.raises(ValueError, match=r"scores for|finite"):
        check_scores(scores, 2)


@pytest.mark.parametrize(
    "card",
    [
        make_card(4.0),
        replace(make_card(4.0), bands=(Band(40.0, 2.0), Band(50.0, 7.5), Band(90.0, 3.1))),
    ],
)
def test_the_limits_of_many_scores_are_those_of_each(card: Card) -> None:
    scores = np.array([0.0, 1.9, 39.9, 40.0, 40.00001, 50.0, 89.7, 90.0, 90.1, 100.0])
    limits = find_all_limits(scores, card)
    assert limits is not None
    assert [*zip(*limits, strict=True)] == [find_limits(card, score) for score in scores.tolist()]


def test_many_scores_of_a_version_without_intervals_have_no_limits() -> None:
    assert find_all_limits(np.array([50.0]), make_card(None)) is None


def test_a_model_of_texts_alone_says_that_it_reads_nothing_else() -> None:
    card = replace(make_card(), features=(), reads=("__text__",))
    assert choose_refusal({}, card, 1) == "The request has no text, which is all that v1 reads"
    with pytest.raises(InvalidInput, match=r"v1 reads a text.*name it with --text"):
        choose_plan("work.csv", ["note"], card, 1, {}, Options())
