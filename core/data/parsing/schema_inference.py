"""The guessed roles of a file's columns with the reason of each; a person may change them; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_facts import (
    ColumnFacts,
    is_free_text,
    is_time,
    is_unread_time,
)
from core.data.parsing.role_names import (
    BASE_METRICS,
    GROUPS,
    IDS,
    LABEL_TIMES,
    OUTCOMES,
    POSITIONS,
    PROMPTS,
    RATERS,
    SURE_POSITIONS,
    TEXTS,
    TIMES,
    is_key_name,
    is_lag,
    is_measure,
    is_numbered,
    is_time_name,
    is_unnamed,
    rank_target,
    snake_case,
)
from core.domain.sample import ColumnMapping

_WORDS = (ColumnKind.CATEGORY, ColumnKind.TEXT)
_MIN_IDS = 20
_MOSTLY = 0.5
_NEARLY_ALL = 0.9
_MIN_LEVELS = 5


@dataclass(frozen=True, slots=True)
class MappingGuess:
    """The roles of a file's columns with the reason of each, by column.

    `named` are the columns that are named like the target and are not it, the surest first;
    `target_is_sure` is False where only the last number was left."""

    mapping: ColumnMapping
    why: Mapping[str, str]
    named: tuple[str, ...] = ()
    target_is_sure: bool = True


def guess_mapping(
    columns: Sequence[ColumnFacts], lags: Mapping[str, str] | None = None
) -> MappingGuess:
    """Return the most likely role of each column; `lags` are the columns that repeat earlier
    values of another.

    A column that only says where a row stood has no role. The target is the column with the surest
    name, readable or not; without one it is the last number that is no key, no measurement of a
    run and no lag. A time has to be readable; an id is different in every row; a group repeats."""
    lags = lags or {}
    keys = {column.name: snake_case(column.name) for column in columns}
    places = {column.name: why for column in columns if (why := _why_position(column, keys))}
    free = [column for column in columns if column.name not in places]
    guesser = _Guesser(free or columns, keys, lags)
    roles, reasons, named, is_sure = guesser.guess()
    ignored = {name: why for name, why in places.items() if name not in reasons}
    for column in free:
        reason = None if column.name in reasons else guesser.why_no_feature(column)
        if reason is not None:
            ignored[column.name] = reason
    mapping = ColumnMapping(
        target=guesser.target,
        ignored=tuple(column.name for column in columns if column.name in ignored),
        **roles,
    )
    features = {
        column.name: describe_feature(column)
        for column in columns
        if column.name not in reasons and column.name not in ignored
    }
    return MappingGuess(mapping, {**reasons, **ignored, **features}, named, is_sure)


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


def describe_feature(column: ColumnFacts) -> str:
    """Return the reason why a column is a feature."""
    if column.kind is ColumnKind.NUMBER:
        return f"a number with {column.n_distinct:,} different values"
    return f"a word of {column.n_distinct:,} that repeat"


class _Guesser:
    """Gives each column at most one role, the surest first."""

    def __init__(
        self, columns: Sequence[ColumnFacts], keys: Mapping[str, str], lags: Mapping[str, str]
    ) -> None:
        self._columns, self._keys, self._lags = columns, keys, lags
        self._by_key: dict[str, ColumnFacts] = {}
        for column in columns:
            self._by_key.setdefault(keys[column.name], column)
        self._why: dict[str, str] = {}
        self.target = columns[-1].name

    def guess(self) -> tuple[dict[str, str | None], dict[str, str], tuple[str, ...], bool]:
        """Return the other columns by role, the reasons by column, the other columns that are named
        like the target, and whether the target is more than the last number."""
        label_times = [c for c in self._known(LABEL_TIMES) if is_time(c)]
        timestamp = self._take((c, why) for c, why in self._times() if c not in label_times)
        named = self._named_targets()
        readable = [column for column in named if _can_be_target(column)]
        chosen = next(iter(readable or named), None)
        if chosen is not None:
            self.target = chosen.name
            self._why[chosen.name] = _say_target(chosen)
        else:
            self.target = self._take(self._other_targets()) or self.target
            self._why.setdefault(self.target, "the last column; none holds numbers to predict")
        said = ((c, "says when the label came") for c in label_times)
        roles = {
            "timestamp": timestamp,
            "label_timestamp": None if timestamp is None else self._take(said),
            "id": self._take(self._ids()),
            "group": self._take(self._groups()),
            "text": self._take(self._texts()),
        }
        others = tuple(c.name for c in named if c is not chosen)
        return roles, self._why, others, chosen is not None

    def why_no_feature(self, column: ColumnFacts) -> str | None:
        """Return the reason why a column without a role is no feature, or None if it is one."""
        key = self._keys[column.name]
        if column.name.startswith("metadata."):
            return "is metadata"
        if column.kind is ColumnKind.EMPTY:
            return "has no value in the first rows"
        if column.kind is ColumnKind.NESTED:
            return "holds lists or objects; a feature is one value"
        if key in RATERS and column.n_distinct <= _MOSTLY * column.n_present:
            return "names who gave the label; nobody is known to when a score is asked for"
        if column.kind in _WORDS and is_unread_time(column):
            return "is named like a time, and cannot be read as one"
        if is_free_text(column):
            return "holds text; one text column can be chosen"
        if (column.kind is ColumnKind.TIME or column.kind in _WORDS) and is_time(column):
            return "holds times; one timestamp can be chosen"
        many = column.n_rows >= _MIN_IDS
        if column.kind in _WORDS and many and column.n_distinct > _NEARLY_ALL * column.n_present:
            return "is different in nearly every row, like an id"
        if (
            column.whole
            and column.n_rows >= _MIN_IDS
            and is_key_name(key)
            and (column.n_distinct > _MOSTLY * column.n_present)
        ):
            return "names things by a number, like an id"
        return None

    def _take(self, candidates: Iterable[tuple[ColumnFacts, str]]) -> str | None:
        """Return the first candidate without a role, and give it the role's reason."""
        for column, reason in candidates:
            if column.name not in self._why:
                self._why[column.name] = reason
                return column.name
        return None

    def _known(self, order: Mapping[str, int]) -> list[ColumnFacts]:
        """Return the columns with a known name, the surest first."""
        found = [column for key, column in self._by_key.items() if key in order]
        return sorted(found, key=lambda column: order[self._keys[column.name]])

    def _times(self) -> Iterator[tuple[ColumnFacts, str]]:
        by_name = [c for c in self._columns if is_time_name(self._keys[c.name])]
        known = self._known(TIMES)
        for column in [*known, *(c for c in by_name if c not in known)]:
            if is_time(column):
                yield column, f"its name says a time, and {_share(column.share_times)} are"
        for column in self._columns:
            if column.kind in (ColumnKind.CATEGORY, ColumnKind.TIME) and is_time(column):
                yield column, f"{_share(column.share_times)} are times"

    def _named_targets(self) -> list[ColumnFacts]:
        """Return the columns that are named like a target, the surest first; those that are named
        like an outcome only where no other can be read."""
        ranked = [
            (rank, -place, column)
            for place, column in enumerate(self._columns)
            if (rank := rank_target(self._keys[column.name])) is not None
            and not column.name.startswith("metadata.")
            and not self._repeats_target(column)
            and not is_time(column)
            and (column.kind is not ColumnKind.TEXT or rank[0] == 0)
        ]
        ranked.sort(key=lambda item: (item[0], -item[1]))
        named = [column for _, _, column in ranked]
        outcomes = [c for c in self._known(OUTCOMES) if c.kind is not ColumnKind.TEXT]
        if outcomes or "z" in self._by_key:  # then x and y are places
            named = [c for c in named if self._keys[c.name] != "y"]
        if not any(map(_can_be_target, named)):
            named += outcomes
        return named

    def _repeats_target(self, column: ColumnFacts) -> bool:
        """Return whether a column holds earlier values of another that is named like a target."""
        other = self._lags.get(column.name)
        return other is not None and rank_target(self._keys[other]) is not None

    def _other_targets(self) -> Iterator[tuple[ColumnFacts, str]]:
        """Yield the numbers that can be the target, the last first, then what is left of them."""
        numbers = [
            column
            for column in self._columns
            if column.kind is ColumnKind.NUMBER and not column.name.startswith("metadata.")
        ]
        likely = [column for column in numbers if self._is_likely(column)]
        unnumbered = [c for c in likely if not is_numbered(self._keys[c.name])] or likely
        for column in reversed(unnumbered):
            yield column, "the last column of numbers; no name says what to predict"
        for column in reversed(likely):
            yield column, "one of the numbers; no name says what to predict"
        for column in reversed(numbers):
            key = self._keys[column.name]
            plain = key not in BASE_METRICS and key not in GROUPS and not is_key_name(key)
            if plain and not _is_constant(column) and not _is_all_different(column):
                yield column, "one of the numbers; no name says what to predict"
        for column in reversed(numbers):
            yield column, "the last number; no column looks like a verdict"

    def _is_likely(self, column: ColumnFacts) -> bool:
        key = self._keys[column.name]
        known = key in BASE_METRICS or key in IDS or key in GROUPS or key in TIMES or key in RATERS
        return not (
            known
            or _is_all_different(column)
            or _is_constant(column)
            or is_key_name(key)
            or is_measure(key)
            or is_lag(key)
            or column.name in self._lags
        )

    def _ids(self) -> Iterator[tuple[ColumnFacts, str]]:
        by_name = [c for c in self._known(IDS) if c.unique]
        others = [c for c in self._columns if is_key_name(self._keys[c.name]) and c.unique]
        for column in (*by_name, *others):
            if column.kind in _WORDS or column.whole:
                yield column, f"all {column.n_present:,} values differ, and its name is a key's"
        for column in self._columns:
            is_key = column.coded or is_unnamed(column.name)
            is_word = column.kind is ColumnKind.CATEGORY and not is_time(column)
            differs = column.unique and column.n_rows >= _MIN_IDS
            is_other = is_unread_time(column) or is_free_text(column)
            if is_word and is_key and differs and not is_other:
                yield column, f"all {column.n_present:,} values differ, as keys do"

    def _groups(self) -> Iterator[tuple[ColumnFacts, str]]:
        known = self._known(GROUPS)
        ending = [
            c
            for c in self._columns
            if (is_key_name(self._keys[c.name]) or self._keys[c.name] in POSITIONS)
            and c.n_distinct > _MIN_LEVELS
        ]
        for column in (*known, *ending):
            key = self._keys[column.name]
            is_name = column.kind is ColumnKind.CATEGORY or column.whole
            is_prompt = column.kind is ColumnKind.TEXT and key in PROMPTS
            repeats = 1 < column.n_distinct < column.n_present
            if key not in RATERS and repeats and (is_name or is_prompt):
                n = column.n_present - column.n_distinct
                yield column, f"{n:,} of {column.n_present:,} values repeat"

    def _texts(self) -> Iterator[tuple[ColumnFacts, str]]:
        exact = [c for c in self._known({"text": 0}) if c.kind in _WORDS]
        by_name = [c for c in self._known(TEXTS) if is_free_text(c)]
        for column in (*exact, *by_name):
            yield column, "its name says a text, and it holds words"
        others = [c for c in self._columns if is_free_text(c) and not is_unread_time(c)]
        answers = [c for c in others if self._keys[c.name] not in PROMPTS]
        for column in (*sorted(answers, key=lambda c: -c.length), *others):
            yield column, f"holds text of {column.length:,} characters on average"


def _why_position(column: ColumnFacts, keys: Mapping[str, str]) -> str | None:
    """Return the reason why a column only says where a row stood; None if it says more."""
    key = keys[column.name]
    if column.kind is not ColumnKind.NUMBER or not column.whole or column.quantiles[0] < 0:
        return None
    ordered = column.unique or column.counting
    if is_unnamed(column.name) and (ordered or column.is_index or key.startswith("unnamed")):
        return "only says where a row stood, and has no name of its own"
    if column.is_index and ordered and not is_key_name(key) and not is_time(column):
        return "is the index of the table that was saved, and only says where a row stood"
    if key in POSITIONS or key in ("", "index_level_0"):
        enough = ordered if key in SURE_POSITIONS else column.counting or column.dense
        return "only says where a row stood" if enough and column.n_rows > 1 else None
    return None


def _can_be_target(column: ColumnFacts) -> bool:
    """Return whether a named column can be the target: numbers that vary, and are no key."""
    readable = column.kind is ColumnKind.NUMBER or (
        column.kind in _WORDS and column.share_numbers >= _MOSTLY
    )
    return readable and not _is_constant(column) and not (column.counting and column.dense)


def _say_target(column: ColumnFacts) -> str:
    if not column.quantiles:
        return f"its name '{column.name}' is a target's"
    low, high = column.quantiles[0], column.quantiles[-1]
    return (
        f"its name '{column.name}' is a target's, and it has {column.n_distinct:,} different "
        f"values from {low:g} to {high:g}"
    )


def _is_constant(column: ColumnFacts) -> bool:
    return column.n_distinct < 2 and column.n_rows > 1


def _is_all_different(column: ColumnFacts) -> bool:
    return column.whole and column.unique and column.n_rows >= _MIN_IDS


def _share(share: float) -> str:
    return "all of its values" if share == 1.0 else f"{share:.0%} of its values"
