"""Bodies: a wrong one is refused with the field that is wrong."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from core.domain.prediction import AnswerSource, build_predictions
from core.serving.schemas import (
    MAX_ROW_BYTES,
    BadBody,
    FeedbackBody,
    PredictBatchBody,
    PredictBody,
    build_answer,
    build_ask,
    build_batch_answer,
    decode_batch,
    decode_body,
)
from tests.fakes import make_batch, make_prediction

PREDICT = msgspec.json.Decoder(PredictBody)
BATCH = msgspec.json.Decoder(PredictBatchBody)
FEEDBACK = msgspec.json.Decoder(FeedbackBody)


def _refused(decoder: "msgspec.json.Decoder[object]", content: str | bytes) -> tuple[object, str]:
    with pytest.raises(BadBody) as caught:
        decode_body(decoder, content.encode() if isinstance(content, str) else content)
    return caught.value.field, str(caught.value)


def test_a_row_with_everything_is_read() -> None:
    content = json.dumps(
        {
            "features": {"codeQuality": 80, "language": "python", "security": None},
            "unit_id": "repo 1",
            "text": "def f(): ...",
            "at": "2026-03-02T13:00:00+01:00",
        }
    )
    ask = build_ask(decode_body(PREDICT, content.encode()))
    assert ask.features == {"codeQuality": 80.0, "language": "python", "security": None}
    assert (ask.unit_id, ask.text) == ("repo 1", "def f(): ...")
    assert ask.event_at == datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_refused_by_the_name_of_the_feature(value: str) -> None:
    field, message = _refused(PREDICT, f'{{"features": {{"a": 1, "wind": {value}}}}}')
    assert field == "features.wind"
    assert message == "NaN and Infinity are no values: send null or leave it out."


@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 400])
def test_a_number_beyond_every_float_is_refused(value: str) -> None:
    field, message = _refused(PREDICT, f'{{"features": {{"a": 1, "wind": {value}}}}}')
    assert field == "features.wind"
    assert "out of range" in message


@pytest.mark.parametrize("value", ["true", "[1]", '{"x": 1}', "[[[]]]", f'"{"x" * 1001}"'])
def test_a_feature_is_a_number_a_short_string_or_null(value: str) -> None:
    field, _ = _refused(PREDICT, f'{{"features": {{"a": 1, "wind.speed": {value}, "b": "x"}}}}')
    assert field == "features.wind.speed"


def test_a_string_of_1000_characters_is_short_enough() -> None:
    body = decode_body(PREDICT, json.dumps({"features": {"a": "x" * 1000}}).encode())
    assert body.features == {"a": "x" * 1000}


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_features_name_has_1_to_200_characters(name: str) -> None:
    assert _refused(PREDICT, json.dumps({"features": {name: 1}})) == (
        "features",
        "A feature's name has 1 to 200 characters.",
    )


def test_an_unknown_field_is_refused_by_name() -> None:
    field, message = _refused(PREDICT, '{"features": {}, "feature": 1}')
    assert field == "feature"
    assert "unknown field `feature`" in message


def test_a_missing_field_is_named() -> None:
    assert _refused(PREDICT, "{}")[0] == "features"
    assert _refused(FEEDBACK, '{"prediction_id": "a"}')[0] == "actual"


@pytest.mark.parametrize("content", ["[]", "null", "7", '"text"', "[1"])
def test_what_is_no_object_is_refused_as_a_whole(content: str) -> None:
    assert _refused(PREDICT, content)[0] is None


@pytest.mark.parametrize("content", ["", "  \n"])
def test_an_empty_body_is_said_to_be_empty(content: str) -> None:
    assert _refused(PREDICT, content) == (None, "The body is empty: send a JSON object.")


@pytest.mark.parametrize(
    "content",
    [
        '{"features": {}} x',
        '{"features": {"a": 1,}}',
        "{'features': {}}",
        '{"features": {"a": 01}}',
        '{"features": {"a": "\\ud800"}}',
        b'{"features": {"a": "\xff\xfe"}}',
        b'\xef\xbb\xbf{"features": {}}',
        '{"features": {"a": 1}',
    ],
)
def test_what_is_no_json_is_refused_as_a_whole(content: str | bytes) -> None:
    field, message = _refused(PREDICT, content)
    assert field is None
    assert message.startswith("The body is not JSON: ")


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"features": ' + "[" * 100_000,
        '{"features": {"a": ' + '{"b":' * 100_000,
        '{"features": {"a": ' + "[" * 100_000 + "NaN",
        '{"x": ' * 100_000,
    ],
)
def test_deep_nesting_is_refused(content: str) -> None:
    _refused(PREDICT, content)


@pytest.mark.parametrize(
    "at", ['"2026-03-02"', '"2026-03-02T12:00:00"', '"yesterday"', "5", '"2026-13-02T12:00:00Z"']
)
def test_a_moment_is_written_with_its_zone(at: str) -> None:
    assert _refused(PREDICT, f'{{"features": {{}}, "at": {at}}}')[0] == "at"


@pytest.mark.parametrize("field", ["text", "unit_id"])
def test_the_character_zero_is_refused(field: str) -> None:
    body = decode_body(PREDICT, json.dumps({"features": {}, field: "a\0b"}).encode())
    with pytest.raises(BadBody) as caught:
        build_ask(body, "rows[3].")
    assert caught.value.field == f"rows[3].{field}"


def test_in_a_batch_the_row_is_named_too() -> None:
    rows = [{"features": {"a": 1}}, {"features": {"a": 1, "b": {"x": 1}}}]
    assert _refused(BATCH, json.dumps({"rows": rows}))[0] == "rows[1].features.b"
    rows = [{"features": {}}, {"features": {}}, {"feature": {}}]
    assert _refused(BATCH, json.dumps({"rows": rows}))[0] == "rows[2].feature"
    assert _refused(BATCH, '{"rows": [{"features": {"a": NaN}}]}')[0] == "rows[0].features.a"


@pytest.mark.parametrize("n_rows", [0, 10_001])
def test_a_batch_has_1_to_10000_rows(n_rows: int) -> None:
    field, message = _refused(BATCH, json.dumps({"rows": [{"features": {}}] * n_rows}))
    assert field == "rows"
    assert "of length" in message


def test_feedback_is_read_and_zero_is_a_value() -> None:
    body = decode_body(FEEDBACK, b'{"prediction_id": "a", "actual": 0}')
    assert body.actual == 0.0
    assert body.observed_at is None


@pytest.mark.parametrize("actual", ["null", '"5"', "true", "1e999"])
def test_what_was_true_is_a_number(actual: str) -> None:
    content = f'{{"prediction_id": "a", "actual": {actual}}}'
    assert _refused(FEEDBACK, content)[0] == "actual"


def test_an_answer_has_a_reason_only_where_there_is_one() -> None:
    model = msgspec.json.encode(build_answer(make_prediction("a")))
    assert json.loads(model) == {
        "prediction_id": "a",
        "score": 71.5,
        "low": 66.0,
        "high": 77.0,
        "source": "model",
        "version": "v3",
        "variant": "champion",
        "latency_ms": 1.25,
    }
    guessed = make_prediction("b", source=AnswerSource.HEURISTIC, reason="why", low=None, high=None)
    answer = json.loads(msgspec.json.encode(build_answer(guessed)))
    assert (answer["reason"], answer["low"], answer["high"]) == ("why", None, None)


def test_a_batch_is_answered_as_its_rows_are_one_by_one() -> None:
    for batch in (make_batch(400), replace(make_batch(3), lows=None, highs=None)):
        rows = [build_answer(prediction) for prediction in build_predictions(batch)]
        assert build_batch_answer(batch).predictions == rows


def test_a_row_has_two_thousand_features_and_no_more() -> None:
    decoder = msgspec.json.Decoder(PredictBody)
    rows = [json.dumps({"features": {f"f{i}": i for i in range(n)}}) for n in (2_000, 2_001)]
    assert len(decode_body(decoder, rows[0].encode()).features) == 2_000
    with pytest.raises(BadBody, match="at most 2,000 features") as refused:
        decode_body(decoder, rows[1].encode())
    assert refused.value.field == "features"


def test_a_text_has_half_a_million_characters_and_no_more() -> None:
    decoder = msgspec.json.Decoder(PredictBody)
    for n, fits in ((500_000, True), (500_001, False)):
        content = json.dumps({"features": {}, "text": "x" * n}).encode()
        if fits:
            assert decode_body(decoder, content).text == "x" * n
        else:
            with pytest.raises(BadBody) as refused:
                decode_body(decoder, content)
            assert refused.value.field == "text"


def test_a_row_of_a_batch_is_no_larger_than_one_alone() -> None:
    small, large = '{"features": {}}', '{"features": {"a": ' + " " * 1_048_576 + "1}}"
    with pytest.raises(BadBody, match="1,048,576 bytes") as refused:
        decode_batch(f'{{"rows": [{small}, {large}]}}'.encode())
    assert refused.value.field == "rows[1]"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('{"rows": []}', "rows"),
        ('{"rows": [' + ",".join(['{"features": {}}'] * 10_001) + "]}", "rows"),
        ('{"rows": [{"features": {}}], "more": 1}', "more"),
        ("{}", "rows"),
        ("7", None),
        ('{"rows": 7}', "rows"),
        ('{"rows": [{"features": {}}, 7]}', "rows[1]"),
        ('{"rows": [{"features": {}}, {"features": {"b": true}}]}', "rows[1].features.b"),
        ('{"rows": [{"features": {}}, {"feature": {}}]}', "rows[1].feature"),
        ('{"rows": [{"features": {"a": NaN}}]}', "rows[0].features.a"),
        ('{"rows": [{"features": {"a": 01}}]}', None),
        ("[" * 2_000_000, None),
        ("", None),
    ],
)
def test_a_wrong_batch_is_explained_as_if_it_were_decoded_at_once(
    content: str, field: str | None
) -> None:
    with pytest.raises(BadBody) as refused:
        decode_batch(content.encode())
    assert refused.value.field == field
    assert refused.value.field == _refused(BATCH, content)[0]


def test_no_more_than_a_row_of_a_batch_is_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter runs nothing else while msgspec decodes, and each row is as large as a body
    of its own may be: a batch has no larger piece."""
    pieces: list[int] = []

    class Recorder:
        def decode(self, content: memoryview) -> PredictBody:
            pieces.append(len(content))
            return PREDICT.decode(content)

    monkeypatch.setattr("core.serving.schemas._row_decoder", Recorder())
    row = json.dumps({"features": {f"f{i}": i for i in range(1_900)}})
    content = f'{{"rows": [{",".join([row] * 150)}]}}'.encode()
    rows = decode_batch(content)
    assert rows == decode_body(BATCH, content).rows
    assert pieces == [len(row)] * 150


def test_where_a_wrong_value_is_in_a_large_body_is_not_looked_for() -> None:
    """That would read all of it again, and hold up everybody meanwhile."""
    content = '{"rows": [{"features": {"a": NaN' + " " * MAX_ROW_BYTES + "}}]}"
    assert _refused(BATCH, content)[0] is None
