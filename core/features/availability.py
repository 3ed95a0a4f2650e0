"""The enhanced features that rows allow, and the reasons against the others."""

from collections.abc import Collection, Mapping
from typing import Any

from core.domain.dataset import AT
from core.domain.history import MODEL, PROVIDER
from core.domain.sample import (
    BASE,
    CONSISTENCY,
    ENHANCED,
    HISTORY,
    MEAN_CSAT,
    MEAN_QUALITY,
    SEEN_AT,
    spell,
)
from core.features import formulas
from core.features.formulas import Formula

_WORDS = {
    AT: "a time",
    SEEN_AT: "earlier rows of the same provider and model",
    MEAN_QUALITY: "earlier rows of the same provider and model",
    CONSISTENCY: "two earlier rows of the same provider and model",
    MEAN_CSAT: "earlier rows of the same provider and model with csat",
}


def _as_it_is(value: Any) -> Any:
    """Return the value: the history of provider and model comes with the row
    (`core.features.history`)."""
    return value


HISTORICAL = (
    Formula("past_mean_quality", "past_mean_quality", (MEAN_QUALITY,), _as_it_is),
    Formula("past_mean_csat", "past_mean_csat", (MEAN_CSAT,), _as_it_is),
    Formula("past_consistency", "past_consistency", (CONSISTENCY,), _as_it_is),
)
FORMULAS = {
    f.column: f for f in (*formulas.DERIVED_FORMULAS, *HISTORICAL, *formulas.TEMPORAL_FORMULAS)
}
"""Every column that can be added, by its name."""


def find_absent(there: Collection[str], names: Collection[str]) -> dict[str, str]:
    """The features that cannot be, with the reason. `there` are the base features and the keys
    that have a value in some row, `names` all columns of the rows.

    >>> find_absent({"security", "performance", AT}, set())["recency"]
    'needs earlier rows of the same provider and model, which no row has'
    """
    absent = {name: "no row has it" for name in BASE if name not in there}
    for formula in FORMULAS.values():
        if formula.column in names:
            absent[formula.feature] = "a column of the rows has its name"
            continue
        lacking = [name for name in formula.inputs if name not in there]
        words = list(dict.fromkeys(_WORDS.get(name, name) for name in lacking))
        if words:
            absent[formula.feature] = f"needs {' and '.join(words)}, which no row has"
    return absent


def explain_columns(columns: Collection[str], *, has_times: bool) -> Mapping[str, str]:
    """The nineteen by name, each with why rows with these columns do not allow it; empty where
    they do.

    >>> found = explain_columns(["code_quality", "complexity"], has_times=True)
    >>> [name for name, why in found.items() if not why]
    ['codeQuality', 'complexity', 'quality_per_complexity', 'hour', 'weekday']
    """
    there = {name for name in BASE if any(spelling in columns for spelling in spell(name))}
    if has_times:
        there.add(AT)
        if PROVIDER in columns and MODEL in columns:
            there.update(name for name in HISTORY if name != MEAN_CSAT or "csat" in there)
    absent = find_absent(there, columns)
    return {name: absent.get(name, "") for name in ENHANCED}
