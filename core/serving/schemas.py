"""The bodies of the API: their types and limits, and which field of an invalid one is wrong."""

import re
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import repeat
from typing import Annotated, Any, TypeVar

import msgspec

from core.data.parsing.time_parser import FIRST_YEAR, LAST_YEAR
from core.domain.prediction import AnswerSource, Batch, Prediction, Variant
from core.domain.version import version_name
from core.errors import InvalidInput
from core.serving.answer import Ask
from core.serving.json_paths import CONSTANT, find_path, find_repeated, join_path, may_repeat

MAX_ROWS = 10_000
MAX_NAME = 200
MAX_WORD = 1_000
MAX_FEATURES = 2_000
"""Ten times what models read here at most; larger rows would slow all callers down."""
MAX_ROW_BYTES = 1_048_576
"""Two thousand features with usual names, and a text."""
MAX_TEXT = 500_000
"""Characters, as in a book of 200 pages; a transformer cuts off far earlier."""
_NOT_JSON = re.compile(rb"NaN|Infinity")
_DETAIL = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)
_FIELD = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>.*)`$")

_NO_ZERO = {"pattern": r"^[^\u0000]*$"}  # for OpenAPI; `check_text` raises the error
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME, extra_json_schema=_NO_ZERO)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT, extra_json_schema=_NO_ZERO)]
Value = float | Annotated[str, msgspec.Meta(max_length=MAX_WORD)] | None
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Moment = Annotated[
    datetime, msgspec.Meta(tz=True, extra_json_schema={"pattern": "^(19|20|21)[0-9]{2}-"})
]
Features = Annotated[
    dict[_Name, Value],
    msgspec.Meta(
        max_length=MAX_FEATURES,
        description="Each a finite number, a string of at most 1,000 characters, or null.",
        examples=[{"codeQuality": 82.5, "testCoverage": 61, "language": "python"}],
    ),
]


class BadBody(InvalidInput):
    """An invalid body; `field` is the path of the wrong field, None for the body as a whole."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field and field.encode(errors="backslashreplace").decode()  # lone surrogates


class PredictBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A row to score."""

    features: Features
    unit_id: Annotated[
        Id | None,
        msgspec.Meta(description="Whom or what it is for; the same unit gets the same variant."),
    ] = None
    text: Annotated[Text | None, msgspec.Meta(description="The scored work itself.")] = None
    at: Annotated[
        _Moment | None, msgspec.Meta(description="When the work was made; with a time zone.")
    ] = None


class PredictBatchBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Up to 10,000 rows to score."""

    rows: Annotated[list[PredictBody], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]


class _RawBatchBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    rows: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]


class FeedbackBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The outcome of a prediction."""

    actual: Annotated[float, msgspec.Meta(description="On the scale of the scores.", examples=[74])]
    prediction_id: Annotated[
        Id | None, msgspec.Meta(examples=["019cae6b660070008000000000000000"])
    ] = None
    decision_id: Annotated[
        Id | None,
        msgspec.Meta(description="Of the picked candidate or the decided work, in its place."),
    ] = None
    observed_at: Annotated[
        _Moment | None,
        msgspec.Meta(description="When it was observed, with a time zone; now unless given."),
    ] = None
    given_by: Annotated[
        Id | None, msgspec.Meta(description="Who said so; the key's name unless given.")
    ] = None
    rating: Annotated[
        _Share | None,
        msgspec.Meta(description="How content the user was, 0..1; a trial watches it."),
    ] = None


class SampleRow(msgspec.Struct, frozen=True):
    """A labelled row: documentation only, since each row is added or rejected on its own."""

    features: Features
    target: Annotated[float, msgspec.Meta(description="On the scale of the scores.")]
    id: str | None = None
    at: _Moment | None = None
    group: str | None = None
    text: str | None = None
    source: str | None = None


class SamplesBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Up to 10,000 labelled rows: documentation only."""

    rows: Annotated[list[SampleRow], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]


class RawSamplesBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Up to 10,000 labelled rows, not decoded yet."""

    rows: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]


class PredictAnswer(msgspec.Struct, frozen=True, gc=False):
    """A logged prediction."""

    prediction_id: str
    score: float | None
    low: Annotated[float | None, msgspec.Meta(description="Where 90 % of the truths lie.")]
    high: float | None
    source: Annotated[
        str,
        msgspec.Meta(description="model, heuristic, or in a batch failed or refused (score null)."),
    ]
    version: Annotated[
        str, msgspec.Meta(description="The version that was asked, such as v3; heuristic for none.")
    ]
    variant: str
    latency_ms: float
    reason: str | msgspec.UnsetType = msgspec.UNSET


class PredictBatchAnswer(msgspec.Struct, frozen=True):
    """The predictions in the order of the rows."""

    predictions: list[PredictAnswer]


class FeedbackAnswer(msgspec.Struct, frozen=True):
    """The outcome of a label: `new`, `same` (it repeats the last label), `unknown` (kept, and
    joined when the prediction is logged) or `removed` (kept and counted, but its prediction was
    removed for its age, so that no figure changes)."""

    prediction_id: str
    outcome: str


class RejectedRow(msgspec.Struct, frozen=True):
    """A row that was not added, by its number from 1, and the reason."""

    row: int
    message: str


class SamplesAnswer(msgspec.Struct, frozen=True):
    """The counts of labelled rows that were added, and the first 1,000 rejected ones."""

    n_received: int
    n_new: int
    n_duplicate: int
    rejected: list[RejectedRow]


class AliveAnswer(msgspec.Struct, frozen=True):
    """The process runs."""

    status: str


class ReadyAnswer(msgspec.Struct, frozen=True):
    """The process can serve, and by which version."""

    status: str
    version: str
    source: str


class ErrorDetail(msgspec.Struct, frozen=True):
    """The error, and the field that is wrong if there is one."""

    message: str
    field: str | None = None


class ErrorAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to every request that failed or was refused."""

    error: ErrorDetail
    request_id: str | None = None
    prediction_id: str | None = None
    predictions: list[PredictAnswer] | None = None


Body = TypeVar("Body")
_raw_decoder = msgspec.json.Decoder(_RawBatchBody)
_row_decoder = msgspec.json.Decoder(PredictBody)


def decode_body(decoder: "msgspec.json.Decoder[Body]", content: bytes) -> Body:
    """Return a body decoded as its type; raises `BadBody` with the wrong field and the error.

    >>> decoder = msgspec.json.Decoder(PredictBody)
    >>> decode_body(decoder, b'{"features": {"codeQuality": 82}}').features
    {'codeQuality': 82.0}
    >>> try:
    ...     decode_body(decoder, b'{"features": {"codeQuality": true}}')
    ... except BadBody as error:
    ...     error.field
    'features.codeQuality'
    """
    if not content:
        raise BadBody(None, "The body is empty: send a JSON object.")
    try:
        body = decoder.decode(content)
    except msgspec.ValidationError as error:
        raise _explain_invalid(str(error), content) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explain_malformed(str(error), content) from None
    if may_repeat(content, body):
        _check_names(content)
    return body


def split_batch(content: bytes) -> list[bytes]:
    """Return the rows of a `PredictBatchBody` as undecoded bytes. It is the only step on a whole
    batch at once, since nothing else runs in the process meanwhile. Raises `BadBody` if the body is
    no batch, and if a row is larger than a single row may be.

    >>> split_batch(b'{"rows": [{"features": {}}]}')
    [b'{"features": {}}']
    """
    rows = [bytes(row) for row in decode_body(_raw_decoder, content).rows]
    for number, row in enumerate(rows):
        if len(row) > MAX_ROW_BYTES:
            raise BadBody(f"rows[{number}]", f"A row has at most {MAX_ROW_BYTES:,} bytes.")
    return rows


def decode_batch(content: bytes) -> list[PredictBody]:
    """Return the rows of a `PredictBatchBody`, decoded one by one, so that other threads run in
    between. Raises `BadBody` with the wrong field and the error.

    >>> decode_batch(b'{"rows": [{"features": {"codeQuality": 82}}]}')[0].features
    {'codeQuality': 82.0}
    """
    found = []
    for number, row in enumerate(split_batch(content)):
        try:
            found.append(decode_body(_row_decoder, row))
        except BadBody as error:
            path = f"rows[{number}]"
            field = join_path(path, error.field) if error.field else path
            raise BadBody(field, str(error)) from None
    return found


def build_ask(body: PredictBody, path: str = "") -> Ask:
    """Return the row to score; raises `BadBody` for a text that a database cannot store and for an
    impossible time.

    >>> build_ask(PredictBody({"a": 1.0})).features
    {'a': 1.0}
    """
    if body.text is not None:
        check_text(body.text, path + "text")
    if body.unit_id is not None:
        check_text(body.unit_id, path + "unit_id")
    if body.at is not None:
        check_moment(body.at, path + "at")
    return Ask(body.features, body.text, body.unit_id, body.at)


def build_answer(prediction: Prediction) -> PredictAnswer:
    """Return the answer with a logged prediction."""
    return PredictAnswer(
        prediction_id=prediction.id,
        score=prediction.score,
        low=prediction.low,
        high=prediction.high,
        source=prediction.source.value,
        version=version_name(prediction.version),
        variant=prediction.variant.value,
        latency_ms=round(prediction.latency_ms, 3),
        reason=msgspec.UNSET if prediction.reason is None else prediction.reason,
    )


def build_batch_answer(batch: Batch) -> PredictBatchAnswer:
    """Return the answers of a batch."""
    nothing = repeat(None)
    answers = map(
        PredictAnswer,
        batch.ids,
        batch.scores,
        batch.lows or nothing,
        batch.highs or nothing,
        repeat(AnswerSource.MODEL.value),
        repeat(version_name(batch.version)),
        repeat(Variant.CHAMPION.value),
        repeat(round(batch.latency_ms, 3)),
    )
    return PredictBatchAnswer(list(answers))


def check_text(text: str | None, field: str) -> None:
    """Raise `BadBody` if a text has the character 0, which PostgreSQL cannot store.

    >>> check_text("fine", "unit_id")
    """
    if text is not None and "\0" in text:
        raise BadBody(field, "It holds the character U+0000: leave it out.")


def check_moment(at: datetime | None, field: str) -> None:
    """Raise `BadBody` for the first and the last year of a `datetime`: some of their hours do not
    exist in UTC, and a store that holds one cannot be read again.

    >>> check_moment(None, "at")
    """
    if at is not None and not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise BadBody(field, f"The year {at.year} is not from {FIRST_YEAR} to {LAST_YEAR}.")


def _explain_invalid(detail: str, content: bytes) -> BadBody:
    found = _DETAIL.match(detail)
    what = found["what"] if found else detail
    path = ((found["path"] if found else None) or "").removeprefix(".")
    named = _FIELD.match(what)
    if named:
        return BadBody(join_path(path, named["name"]), f"{what}.")
    if path.endswith("features[...]"):
        path = _find_feature(path, content) or path
    elif path.endswith("features") and "`object` of length" in what:
        what = f"A row has at most {MAX_FEATURES:,} features"
    elif path.endswith("features") and "of length" in what:
        what = "A feature's name has 1 to 200 characters"
    return BadBody(path or None, f"{what}.")


def _check_names(content: bytes) -> None:
    """Raise `BadBody` for a name that comes twice: which of its values is meant, nobody knows."""
    repeated = find_repeated(content)
    if repeated is not None:
        path, name = repeated
        said = f"The name {name[:MAX_NAME]!r} comes twice in one object: send it once."
        raise BadBody(join_path(path, name[:MAX_NAME]), said)


def _explain_malformed(detail: str, content: bytes) -> BadBody:
    if _NOT_JSON.search(content):
        path = _find(content, lambda value: value is CONSTANT)
        if path is not None:
            return BadBody(
                path or None, "NaN and Infinity are no values: send null or leave it out."
            )
    if not content.strip():
        return BadBody(None, "The body is empty: send a JSON object.")
    if "recursion" in detail:
        return BadBody(None, "The body is nested too deeply.")
    return BadBody(None, f"The body is not JSON: {detail.removeprefix('JSON is malformed: ')}.")


def _find_feature(path: str, content: bytes) -> str | None:
    """Return the path of the first value under `path` that is not allowed as a feature; None
    without one."""
    return _find(content, _is_no_feature, path.removesuffix("[...]") + ".")


def _find(content: bytes, is_wrong: Callable[[object], bool], prefix: str = "") -> str | None:
    """Return the path of the first wrong value, by decoding the body again with paths; None for a
    body so large that this would block the process."""
    return None if len(content) > MAX_ROW_BYTES else find_path(content, is_wrong, prefix)


def _is_no_feature(value: object) -> bool:
    if value is None:
        return False
    if isinstance(value, str):
        return len(value) > MAX_WORD
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return abs(value) > sys.float_info.max
