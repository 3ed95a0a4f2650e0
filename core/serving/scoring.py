"""Scores of rows by one version, with the inputs that its pipeline reads, as the API makes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.dataset import AT, TEXT
from core.domain.history import Maker, Totals, find_maker
from core.domain.model_card import Card
from core.domain.prediction import Prediction
from core.domain.sample import HISTORY, Features
from core.domain.version import version_name
from core.errors import OpsError, find_library
from core.features.history import summarize_totals
from core.safety.masking import mask
from core.serving.answer import Ask, check_scores, choose_refusal
from core.serving.cache import Model
from core.store.data.history import find_totals
from core.store.engine.database import Database


@dataclass(slots=True)
class InputRow:
    """A row to score. `at` is the time at which its work was made, or now if the caller gave none;
    the pipeline reads its hour and the history that was known then."""

    features: Features
    text: str | None
    at: datetime


def build_asked(ask: Ask, now: datetime) -> InputRow:
    """Return the input row of a request."""
    return InputRow(ask.features, ask.text, ask.event_at or now)


def recall_asked(served: Prediction) -> InputRow:
    """Return the input row of an answered request, with its original time."""
    return InputRow(served.features, served.text, served.event_at or served.at)


def carry_rows(db: Database, card: Card, rows: Sequence[InputRow]) -> list[Features]:
    """Return the raw row for each input row, as the pipeline of the card reads it. If it reads
    histories, the store is read once for each provider, model and time; raises `Unavailable`."""
    if not card.reads:
        return [row.features for row in rows]
    histories = _load_histories(db, card, rows)
    carried: list[Features] = []
    for row in rows:
        beside = {AT: row.at.timestamp(), TEXT: row.text, **histories.get(_key(card, row), {})}
        carried.append({**row.features, **{name: beside.get(name) for name in card.reads}})
    return carried


_Key = tuple[Maker | None, datetime]


def _load_histories(
    db: Database, card: Card, rows: Sequence[InputRow]
) -> dict[_Key, dict[str, float]]:
    if not set(HISTORY) & set(card.reads):
        return {}
    found: dict[_Key, Totals | None] = {}
    with db.read() as conn:
        for maker, at in {_key(card, row) for row in rows}:
            found[maker, at] = None if maker is None else find_totals(conn, maker, at)
    return {key: summarize_totals(totals) for key, totals in found.items()}


def _key(card: Card, row: InputRow) -> _Key:
    return find_maker(row.features, synthetic=card.synthetic), row.at


MODEL_ERRORS = (
    OpsError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""The errors that a fitted pipeline may raise on a row; the heuristic answers instead."""


def score_asked(
    db: Database,
    artifact: Model,
    version: int,
    rows: Sequence[InputRow],
    report: Callable[[str], None],
) -> list[float | str]:
    """Return a score for each row, or the reason why there is none, with the inputs that the
    pipeline reads in addition to the features."""
    try:
        carried = carry_rows(db, artifact.card, rows)
    except OpsError as error:
        why = f"{version_name(version)} has no history to read: {clean_error(error)}"
        report(why)
        return [why] * len(rows)
    return score_rows(artifact, version, carried, report)


def score_rows(
    artifact: Model,
    version: int,
    rows: Sequence[Features],
    report: Callable[[str], None],
) -> list[float | str]:
    """Return a score for each row, or the reason why the model has none: the row has nothing to
    read, or scoring raised an error, which is passed to `report`."""
    refusals = [choose_refusal(row, artifact.card, version) for row in rows]
    asked = [row for row, refusal in zip(rows, refusals, strict=True) if not refusal]
    scores = iter(_score(artifact, version, asked, report))
    return [refusal or next(scores) for refusal in refusals]


def clean_error(error: BaseException) -> str:
    """Return the first line of an error without its full stop and without details that only
    operators may see, since callers read it.

    >>> clean_error(ValueError("no such column."))
    'no such column'
    """
    library = find_library(error)
    if isinstance(error, OpsError):
        said = error.public
    elif library is not None:
        said = f"{library} takes no such values"
    elif isinstance(error, OSError):
        said = error.strerror or ""  # not the file's path
    else:
        said = mask(str(error))
    lines = said.strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")


def _score(
    artifact: Model, version: int, rows: Sequence[Features], report: Callable[[str], None]
) -> list[float | str]:
    if not rows:
        return []
    try:
        one = len(rows) == 1
        scores = [artifact.score_row(rows[0])] if one else artifact.score_rows(rows)
        check_scores(scores, len(rows))
    except MODEL_ERRORS as error:
        if len(rows) > 1:  # one bad row must not fail the others
            return [_score(artifact, version, [row], report)[0] for row in rows]
        why = f"{version_name(version)} cannot score this row: {clean_error(error)}"
        report(why)
        return [why]
    return list(scores)
