"""What a request's row carries beside its features, gathered only where the pipeline reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.dataset import AT, TEXT
from core.domain.history import Maker, Totals, find_maker
from core.domain.model_card import Card
from core.domain.prediction import Prediction
from core.domain.sample import HISTORY, Features
from core.features.history import summarize_totals
from core.serving.answer import Ask
from core.store.data.history import find_totals
from core.store.engine.database import Database


@dataclass(slots=True)
class InputRow:
    """A row to score. `at` is when its work was made where the caller said so, else now: its hour
    is meant, and its history is what was known at that time."""

    features: Features
    text: str | None
    at: datetime


def build_asked(ask: Ask, now: datetime) -> InputRow:
    """The row of a request."""
    return InputRow(ask.features, ask.text, ask.event_at or now)


def recall_asked(served: Prediction) -> InputRow:
    """The row of a request that was answered, as it was asked then."""
    return InputRow(served.features, served.text, served.event_at or served.at)


def carry_rows(db: Database, card: Card, rows: Sequence[InputRow]) -> list[Features]:
    """The raw row of each, as the pipeline of the card reads it. Where it reads the history, this
    looks once into the store for each provider, model and time; raises `Unavailable`."""
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
