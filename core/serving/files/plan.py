"""Which columns of a file a version reads, and what there is to say about the others; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.data.sources.documents import METADATA
from core.data.unlabelled import UnlabelledPlan, find_kind
from core.domain.card import Card
from core.domain.feature import HISTORY, WEIGHTS, spell
from core.domain.history import MODEL, PROVIDER
from core.domain.snapshot import AT, TEXT
from core.domain.version import version_name
from core.errors import InvalidInput

ADDED = {
    "score": "number",
    "low": "number",
    "high": "number",
    "source": "text",
    "reason": "text",
    "version": "text",
}
"""The columns that scoring adds, and what they hold."""

_TEXT, _TIMESTAMP = "text", "timestamp"
_MAX_NAMES = 8


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller says of the columns; None is found by its name."""

    text: str | None = None
    timestamp: str | None = None
    prefix: str = ""  # of the columns that are added


def choose_plan(
    file: str,
    columns: Sequence[str],
    card: Card | None,
    version: int,
    types: Mapping[str, str],
    options: Options,
) -> tuple[UnlabelledPlan, list[str]]:
    """How the rows of a file are read for a version (without a card, for the heuristic), and what
    the operator should know. `types` are those of the columns that the version learned from.
    Raises `InvalidInput` where a column that was named does not exist, where one that is added
    does already, and where the version finds nothing to read."""
    for role, column in (("text", options.text), ("timestamp", options.timestamp)):
        if column is not None and column not in columns:
            raise InvalidInput(
                f"'{file}' has no column '{column}' for the {role}; its columns are "
                f"{_show(columns)}."
            )
    for name in ADDED:
        if options.prefix + name in columns:
            raise InvalidInput(
                f"'{file}' has a column '{options.prefix + name}' already: rename it, or name the "
                "columns that are added otherwise, with --prefix predicted_."
            )
    reads = () if card is None else card.reads
    text = options.text or (_TEXT if TEXT in reads and _TEXT in columns else None)
    reads_times = AT in reads or set(HISTORY) & set(reads)
    timestamp = options.timestamp or (_TIMESTAMP if reads_times and _TIMESTAMP in columns else None)
    wanted = [*(() if card is None else card.features), *_list_base(), PROVIDER, MODEL]
    features = {name: find_kind(types, name) for name in wanted if name not in (text, timestamp)}
    notes = [] if card is None else _check(file, columns, card, version, text)
    if reads_times and timestamp is None:
        notes.append(
            f"{version_name(version)} reads when the work was made, and no column says it: it is "
            "taken as made now. --timestamp names one."
        )
    return UnlabelledPlan(features, text, timestamp), notes


def _check(
    file: str, columns: Sequence[str], card: Card, version: int, text: str | None
) -> list[str]:
    name = version_name(version)
    missing = [feature for feature in card.features if feature not in columns]
    reads_text = TEXT in card.reads
    if len(missing) == len(card.features) and not (reads_text and text is not None):
        shown = [column for column in columns if not column.startswith(METADATA)]
        raise InvalidInput(
            f"'{file}' has none of the columns that {name} reads ({_show(card.features)}); its "
            f"columns are {_show(shown)}."
        )
    notes = []
    if missing:
        notes.append(
            f"{len(missing)} of the {len(card.features)} columns that {name} reads are not in "
            f"'{file}', and missing in every row: {_show(missing)}."
        )
    if reads_text and text is None:
        notes.append(f"{name} reads a text, and no column holds it: --text names one.")
    return notes


def _list_base() -> list[str]:
    """What the heuristic reads."""
    return [spelling for name in WEIGHTS for spelling in spell(name)]


def _show(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMES
    shown = ", ".join(f"'{name}'" for name in names[:_MAX_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown
