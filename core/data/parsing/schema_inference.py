"""The guessed roles of a file's columns, from names and values; a person may change them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.data.parsing.cell_parser import ColumnKind
from core.domain.sample import ColumnMapping

BASE_METRICS = (
    "code_quality",
    "test_coverage",
    "security",
    "performance",
    "maintainability",
    "complexity",
    "csat",
)
"""Features that are known by name, in snake_case; files may write them in camelCase."""

_TARGETS = (
    "target",
    "quality_score",
    "quality",
    "score",
    "rating",
    "label",
    "actual",
    "ground_truth",
    "human_score",
    "user_rating",
    "grade",
    "outcome",
    "y",
)
_TIMES = (
    "timestamp",
    "at",
    "time",
    "datetime",
    "date",
    "created_at",
    "updated_at",
    "event_time",
    "observed_at",
    "recorded_at",
    "ts",
    "created",
    "day",
)
_LABEL_TIMES = (
    "labelled_at",
    "labeled_at",
    "label_time",
    "rated_at",
    "reviewed_at",
    "scored_at",
    "graded_at",
)
_TEXTS = (
    "text",
    "response",
    "answer",
    "content",
    "output",
    "completion",
    "generated_text",
    "code",
    "body",
    "message",
)
_IDS = (
    "id",
    "sample_id",
    "external_id",
    "row_id",
    "uuid",
    "guid",
    "record_id",
    "key",
)
_GROUPS = (
    "group",
    "group_id",
    "repository",
    "repository_id",
    "repo",
    "repo_id",
    "session",
    "session_id",
    "conversation_id",
    "thread_id",
    "question",
    "question_id",
    "user_id",
    "project",
    "project_id",
    "document_id",
)
_ROW_NUMBERS = ("", "index", "row", "row_number", "rownum", "no", "nr", "number")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """The properties of a column in the first rows."""

    name: str
    kind: ColumnKind
    n_rows: int
    n_missing: int
    n_distinct: int
    share_times: float  # of the values, those that are readable as a time
    whole: bool  # every value is a whole number
    counting: bool  # whole numbers that go up by one, row by row

    @property
    def unique(self) -> bool:
        """Return whether no value repeats."""
        return self.n_rows > 1 and self.n_missing == 0 and self.n_distinct == self.n_rows


def snake_case(name: str) -> str:
    """Return a column's name in snake_case, for comparisons.

    >>> snake_case("codeQuality"), snake_case("Question ID"), snake_case("URL")
    ('code_quality', 'question_id', 'url')
    """
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.removeprefix("metadata."))
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def guess_mapping(columns: Sequence[ColumnFacts]) -> tuple[ColumnMapping, dict[str, str]]:
    """Return the most likely role of each column, and the reasons why others are no features.

    The target is a number known by its name, else the last number; a time has to be readable as
    one; an id is different in every row; a group repeats; long words are text."""
    names = {snake_case(column.name): column for column in reversed(columns)}
    taken: set[str] = set()

    def choose(candidates: Sequence[ColumnFacts]) -> str | None:
        free = [column.name for column in candidates if column.name not in taken]
        if free:
            taken.add(free[0])
        return free[0] if free else None

    label_times = _known_times(names, _LABEL_TIMES)
    timestamp = choose([c for c in _times(columns, names) if c not in label_times])
    label_timestamp = None if timestamp is None else choose(label_times)
    target = choose(_targets(columns, names)) or columns[-1].name
    taken.add(target)
    external_id = choose(_ids(columns, names))
    group = choose(_groups(columns, names))
    text = choose(_texts(columns, names))
    why = {
        column.name: reason
        for column in columns
        if column.name not in taken and (reason := _why_no_feature(column)) is not None
    }
    mapping = ColumnMapping(
        target, timestamp, text, external_id, group, tuple(why), label_timestamp
    )
    return mapping, why


def choose_columns(
    guess: ColumnMapping,
    *,
    target: str | None = None,
    timestamp: str | None = None,
    text: str | None = None,
    id: str | None = None,
    group: str | None = None,
    label_timestamp: str | None = None,
    ignored: Sequence[str] = (),
) -> ColumnMapping:
    """Return the guess with the columns that a person named. A named column leaves its guessed
    role, and is ignored only if it was named for that.

    >>> guess = ColumnMapping(target="csat", group="task", ignored=("note",))
    >>> choose_columns(guess, target="score", text="note")
    ColumnMapping(target='score', timestamp=None, text='note', id=None, group='task', ignored=(), \
label_timestamp=None)
    """
    named = {
        "timestamp": timestamp,
        "text": text,
        "id": id,
        "group": group,
        "label_timestamp": label_timestamp,
    }
    chosen = {column for column in (target, *named.values()) if column is not None}
    roles: dict[str, str | None] = {}
    for role, column in named.items():
        guessed = getattr(guess, role)
        roles[role] = column or (None if guessed in (*chosen, *ignored) else guessed)
    if roles["timestamp"] is None:
        roles["label_timestamp"] = label_timestamp  # a guess at it says nothing without the other
    still_ignored = (column for column in guess.ignored if column not in chosen)
    return ColumnMapping(
        target=target or guess.target,
        ignored=tuple(dict.fromkeys((*still_ignored, *ignored))),
        **roles,
    )


_ByName = Mapping[str, ColumnFacts]


def _known(names: _ByName, wanted: Sequence[str]) -> list[ColumnFacts]:
    return [names[name] for name in wanted if name in names]


def _times(columns: Sequence[ColumnFacts], names: _ByName) -> list[ColumnFacts]:
    words = (ColumnKind.CATEGORY, ColumnKind.TIME)
    by_value = [c for c in columns if c.kind in words and c.share_times >= 0.9]
    return _known_times(names, _TIMES) + by_value


def _known_times(names: _ByName, wanted: Sequence[str]) -> list[ColumnFacts]:
    return [column for column in _known(names, wanted) if column.share_times >= 0.9]


def _targets(columns: Sequence[ColumnFacts], names: _ByName) -> list[ColumnFacts]:
    numbers = [c for c in columns if c.kind is ColumnKind.NUMBER and not _is_metadata(c)]
    by_name = [column for column in _known(names, _TARGETS) if column in numbers]
    others = [
        column
        for column in reversed(numbers)
        if snake_case(column.name) not in (*BASE_METRICS, *_IDS, *_GROUPS, *_TIMES)
        and not _counts_rows(column)
    ]
    named_anyhow = [c for c in _known(names, _TARGETS) if not _is_metadata(c)]
    return by_name + others + list(reversed(numbers)) + named_anyhow


def _ids(columns: Sequence[ColumnFacts], names: _ByName) -> list[ColumnFacts]:
    by_name = [column for column in _known(names, _IDS) if column.unique]
    ending = [c for c in columns if snake_case(c.name).endswith("_id") and c.unique]
    return by_name + ending + [c for c in columns if _counts_rows(c)]


def _groups(columns: Sequence[ColumnFacts], names: _ByName) -> list[ColumnFacts]:
    usable = [
        column
        for column in columns
        if 1 < column.n_distinct < column.n_rows
        and (column.kind is ColumnKind.CATEGORY or column.whole)
    ]
    by_name = [column for column in _known(names, _GROUPS) if column in usable]
    ending = [c for c in usable if snake_case(c.name).endswith("_id") and c.n_distinct > 5]
    return by_name + ending


def _texts(columns: Sequence[ColumnFacts], names: _ByName) -> list[ColumnFacts]:
    words = (ColumnKind.TEXT, ColumnKind.CATEGORY)
    by_name = [column for column in _known(names, _TEXTS) if column.kind is ColumnKind.TEXT]
    exactly = [c for c in _known(names, ("text",)) if c.kind in words]
    return exactly + by_name + [c for c in columns if c.kind is ColumnKind.TEXT]


def _why_no_feature(column: ColumnFacts) -> str | None:
    """Return the reason why a column is no feature, or None if it is one."""
    if _is_metadata(column):
        return "is metadata"
    if column.kind is ColumnKind.EMPTY:
        return "has no value in the first rows"
    if column.kind is ColumnKind.NESTED:
        return "holds lists or objects; a feature is one value"
    if column.kind is ColumnKind.TEXT:
        return "holds long text; one text column can be chosen"
    words = (ColumnKind.CATEGORY, ColumnKind.TIME)
    if column.kind in words and column.share_times >= 0.9:
        return "holds times; one timestamp can be chosen"
    if column.kind is ColumnKind.CATEGORY and column.n_rows >= 20:
        present = column.n_rows - column.n_missing
        if column.n_distinct > 0.9 * present:
            return "is different in nearly every row, like an id"
    return "counts the rows" if _counts_rows(column) else None


def _counts_rows(column: ColumnFacts) -> bool:
    """Return whether a column counts the rows; a feature may go up by one too, so the name
    decides."""
    name = snake_case(column.name)
    return column.counting and (name in _ROW_NUMBERS or name.startswith(("column_", "unnamed")))


def _is_metadata(column: ColumnFacts) -> bool:
    return column.name.startswith("metadata.")
