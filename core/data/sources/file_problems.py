"""The problems of a file before its import, and the choice of its columns with reasons; pure."""

import math
from collections.abc import Iterator, Mapping, Sequence

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_facts import ColumnFacts
from core.data.parsing.documents import METADATA
from core.data.parsing.role_names import rank_target, snake_case
from core.data.parsing.schema_inference import (
    counts_rows,
    is_free_text,
    is_time,
    is_unread_time,
)
from core.data.quality.import_checks import MAX_LOST
from core.data.sources.file_preview import ColumnPreview, FilePreview, name_roles
from core.domain.dataset import Issue, Severity, warn
from core.domain.sample import ColumnMapping
from core.errors import Incomplete
from core.settings import Scale

_ORDER = (
    "target_unreadable",
    "target_constant",
    "no_feature",
    "time_unreadable",
    "out_of_scale",
    "wide_tolerance",
    "target_guessed",
    "several_targets",
    "unlabelled_rows",
    "counts_rows",
    "unreadable_rows",
    "unclear_numbers",
    "unreadable_times",
    "ambiguous_times",
    "odd_values",
    "left_out",
    "no_time",
    "no_zone",
)
"""The codes, worst first; within one severity they are told in this order."""

_SEVERITIES = (Severity.BLOCKING, Severity.WARNING, Severity.INFO)
_SHARE_EXACT = 0.9
_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def find_problems(
    preview: FilePreview,
    mapping: ColumnMapping,
    scale: Scale | None = None,
    tolerance: float | None = None,
) -> tuple[Issue, ...]:
    """Return the problems of a file's first rows with the columns that are chosen, worst first.
    With the scale and the tolerance of the settings, also those of the target's values."""
    columns = {column.name: column for column in preview.columns}
    target = columns.get(mapping.target)
    found = [
        *_check_target(preview, mapping, target),
        *(_check_values(target.facts, scale, tolerance) if target and scale else ()),
        *_check_times(preview, mapping, columns),
        *_check_rows(preview),
        *_check_columns(mapping, preview.columns),
        *_check_counters(preview, mapping),
        *_check_left_out(preview, mapping),
    ]
    return tuple(sorted(found, key=_rank))


def refuse_blocking(problems: Sequence[Issue], found: Mapping[str, object]) -> None:
    """Raise `Incomplete` with the worst problems where some have to be settled before an import;
    `found` is what else its result says, as JSON."""
    blocking = [problem.sentence for problem in problems if problem.severity is Severity.BLOCKING]
    if blocking:
        raise Incomplete(" ".join([*blocking, "Nothing was imported."]), dict(found))


def explain_roles(preview: FilePreview, mapping: ColumnMapping) -> dict[str, str]:
    """Return the reason of each role of a mapping that has one: that of the guess, or that a person
    chose it; those of the ignored columns are one text."""
    why = {column.name: column.why for column in preview.columns}
    guessed = name_roles(preview.mapping)
    reasons: dict[str, list[str]] = {}
    for column, role in name_roles(mapping).items():
        own = guessed.get(column) == role
        reason = why[column] if own else "you chose it"
        reasons.setdefault(role, []).append(f"'{column}' {reason}" if role == "ignored" else reason)
    return {role: "; ".join(said) for role, said in reasons.items()}


def propose_scale(low: float, high: float) -> tuple[float, float]:
    """Return the usual scale that holds some values: 0 to 1, 1 to 5, 0 to 10, 0 to 100, or the next
    round numbers.

    >>> propose_scale(0.1, 0.9), propose_scale(1, 5), propose_scale(3, 297), propose_scale(-8, 7)
    ((0.0, 1.0), (1.0, 5.0), (0.0, 300.0), (-8.0, 8.0))
    """
    for usual in ((0.0, 1.0), (1.0, 5.0), (0.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0)):
        if usual[0] <= low and high <= usual[1]:
            return usual
    if low >= 0:
        return 0.0, _round_up(high)
    edge = _round_up(max(-low, high))
    return -edge, (edge if high > 0 else 0.0)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in _ROUND if power * step >= value * (1 - 1e-12))


def _rank(issue: Issue) -> tuple[int, int, str]:
    return _SEVERITIES.index(issue.severity), _ORDER.index(issue.code), issue.column or ""


def _check_target(
    preview: FilePreview, mapping: ColumnMapping, target: ColumnPreview | None
) -> Iterator[Issue]:
    if target is None:
        return
    facts, n = target.facts, preview.n_rows
    guessed = mapping.target == preview.mapping.target
    if facts.share_numbers < 0.5 or facts.kind in (ColumnKind.NESTED, ColumnKind.EMPTY):
        can_come = facts.kind is ColumnKind.EMPTY and not preview.complete
        yield Issue(
            "target_unreadable",
            Severity.WARNING if can_come else Severity.BLOCKING,
            target.name,
            n,
            f"The target '{target.name}' cannot be read as numbers: it {_say_content(facts)}.",
            _say_remedy(facts),
        )
    elif facts.n_distinct == 1 and facts.n_rows > 1:
        yield Issue(
            "target_constant",
            Severity.BLOCKING if preview.complete else Severity.WARNING,
            target.name,
            n,
            f"The target '{target.name}' is {facts.example} in every row: there is nothing to "
            "learn.",
            "Choose the column to predict with --target, or import rows with other scores.",
        )
    elif guessed and not preview.guess.target_is_sure:
        yield warn(
            "target_guessed",
            target.name,
            n,
            f"'{target.name}' is only a guess at the target: no column is named like one, and it "
            f"is {target.why.split(';')[0]}.",
            "Name the column to predict (--target COLUMN, or Target on the page).",
        )
    if 0 < facts.n_missing < facts.n_rows:
        share = facts.n_missing / facts.n_rows
        yield Issue(
            "unlabelled_rows",
            Severity.WARNING if share > MAX_LOST else Severity.INFO,
            target.name,
            facts.n_missing,
            f"'{target.name}' is empty in {facts.n_missing:,} of {facts.n_rows:,} rows "
            f"({share:.0%}): a row without a label cannot be learned and is left out.",
            "Accept that with --accept-rejects, or by the box on the page."
            if share > MAX_LOST
            else "",
        )
    if not guessed:
        return
    by_name = {column.name: column for column in preview.columns}
    others = [by_name[name] for name in preview.guess.named]
    for other in others:
        unreadable = other.facts.share_numbers < 0.5 or other.kind is ColumnKind.NESTED
        if unreadable and not is_free_text(other.facts):
            yield warn(
                "target_unreadable",
                other.name,
                n,
                f"'{other.name}' is named like the target and {_say_content(other.facts)}: "
                f"'{target.name}' was taken instead.",
                _say_remedy(other.facts),
            )
    rivals = [
        other.name
        for other in others
        if other.kind is ColumnKind.NUMBER
        and other.n_distinct > 1
        and rank_target(snake_case(other.name)) is not None
    ]
    if rivals:
        shown = ", ".join(f"'{name}'" for name in rivals[:4])
        more = f" and {len(rivals) - 4} more" if len(rivals) > 4 else ""
        yield Issue(
            "several_targets",
            Severity.WARNING,
            target.name,
            n,
            f"'{target.name}' was taken as the target, and {shown}{more} "
            f"{'is' if len(rivals) == 1 else 'are'} named like one too.",
            "Choose another with --target, and leave out (--ignore) what is known only together "
            "with the label.",
        )


def _say_content(facts: ColumnFacts) -> str:
    if facts.kind is ColumnKind.EMPTY:
        return "has no value in the first rows"
    if facts.kind is ColumnKind.NESTED:
        return f"holds lists or objects ({facts.example})"
    kinds = (
        "the word" if facts.n_distinct == 1 else f"{facts.n_distinct:,} different words, such as"
    )
    return f"holds {kinds} '{facts.example}'"


def _say_remedy(facts: ColumnFacts) -> str:
    if facts.kind is ColumnKind.EMPTY:
        return "Import the file once its rows are labelled, or choose another column with --target."
    if facts.kind is ColumnKind.NESTED:
        return (
            "Export the number inside it as a column of its own, or choose another column with "
            "--target."
        )
    if facts.n_distinct == 2:
        return (
            "Write 1 for the better word and 0 for the other and set PLUMBLINE_SCALE=0:1, or "
            "choose another column with --target."
        )
    if 2 < facts.n_distinct <= 12:
        return (
            "Write a number for each word, the better the higher, or choose another column with "
            "--target."
        )
    return "Write plain numbers such as 30.5, or choose another column with --target."


def _check_values(facts: ColumnFacts, scale: Scale, tolerance: float | None) -> Iterator[Issue]:
    """Yield problems of the target's values with the scale and the tolerance."""
    if not facts.quantiles or facts.share_numbers < 0.5:
        return
    low, high = facts.quantiles[0], facts.quantiles[-1]
    proposed = propose_scale(low, high)
    step = 1.0 if facts.whole else 0.0
    width = proposed[1] - proposed[0]
    fitting = min(max(0.05 * width, 0.5 * step), 0.25 * width)
    setting = f"PLUMBLINE_SCALE={proposed[0]:g}:{proposed[1]:g} and PLUMBLINE_TOLERANCE={fitting:g}"
    if low < scale.low or high > scale.high:
        outside = sum(not scale.low <= value <= scale.high for value in facts.quantiles)
        share = outside / len(facts.quantiles)
        yield warn(
            "out_of_scale",
            facts.name,
            max(1, round(share * facts.n_present)),
            f"The values of '{facts.name}' go from {low:g} to {high:g}, outside the scale "
            f"{scale.low:g} to {scale.high:g}: about {max(share, 0.01):.0%} of the rows cannot be "
            "taken.",
            f"Set {setting}, then import the file.",
        )
        return
    middle = facts.quantiles[len(facts.quantiles) // 2]
    if tolerance is None or facts.n_distinct < 2:
        return
    near = sum(abs(value - middle) <= tolerance for value in facts.quantiles)
    if near >= _SHARE_EXACT * len(facts.quantiles):
        every = near == len(facts.quantiles)
        yield warn(
            "wide_tolerance",
            facts.name,
            facts.n_present,
            f"The values of '{facts.name}' go from {low:g} to {high:g} on the scale {scale.low:g} "
            f"to {scale.high:g}, and with a tolerance of {tolerance:g} always guessing "
            f"{middle:g} is accurate for {'every row' if every else 'nearly every row'}: an "
            "accuracy would say nothing.",
            f"Set {setting}.",
        )


def _check_times(
    preview: FilePreview, mapping: ColumnMapping, columns: Mapping[str, ColumnPreview]
) -> Iterator[Issue]:
    chosen = None if mapping.timestamp is None else columns.get(mapping.timestamp)
    if chosen is None:
        heading = [
            c for c in preview.columns if c.name not in mapping.ignored and is_unread_time(c.facts)
        ]
        heading += [
            c for c in preview.columns if c.name in mapping.ignored and is_unread_time(c.facts)
        ]
        for column in heading[:3]:
            yield warn(
                "time_unreadable",
                column.name,
                column.facts.n_present,
                f"'{column.name}' is named like a time and cannot be read as one "
                f"('{column.example}'): rows without a time are split at random, which flatters "
                "every figure of rows that came in an order.",
                "Write its times as 2026-02-01T14:30:00Z, or as seconds since 1970.",
            )
        readable = [c.name for c in preview.columns if is_time(c.facts)]
        if readable:
            yield warn(
                "no_time",
                readable[0],
                preview.n_rows,
                f"'{readable[0]}' holds times and is not chosen as the time: the rows are split "
                "at random, which flatters every figure of rows that came in an order.",
                "Choose it with --timestamp.",
            )
        elif not heading:
            yield Issue(
                "no_time",
                Severity.INFO,
                None,
                preview.n_rows,
                "No column of times was found: rows without a time are split at random.",
            )
        return
    yield from _check_chosen_time(preview, chosen)


def _check_chosen_time(preview: FilePreview, chosen: ColumnPreview) -> Iterator[Issue]:
    times = chosen.times
    if times is None:
        yield warn(
            "time_unreadable",
            chosen.name,
            chosen.facts.n_present,
            f"Most times in '{chosen.name}' cannot be read ('{chosen.example}'): these rows will "
            "be rejected.",
            "Write them as 2026-02-01T14:30:00Z, or as seconds since 1970.",
        )
        return
    if times.n_without_zone:
        yield Issue(
            "no_zone",
            Severity.INFO,
            chosen.name,
            times.n_without_zone,
            f"Times in '{chosen.name}' say no zone: they are taken as UTC.",
        )
    if times.n_ambiguous and not preview.complete:
        yield warn(
            "ambiguous_times",
            chosen.name,
            times.n_ambiguous,
            f"Times in '{chosen.name}' may be day/month or month/day: these rows will be rejected "
            "unless a later row shows which comes first.",
        )
    n_unreadable = times.n_unreadable + (times.n_ambiguous if preview.complete else 0)
    if n_unreadable:
        yield warn(
            "unreadable_times",
            chosen.name,
            n_unreadable,
            f"{n_unreadable:,} times in '{chosen.name}' cannot be read: these rows will be "
            "rejected.",
            "Write them as 2026-02-01T14:30:00Z.",
        )


def _check_rows(preview: FilePreview) -> Iterator[Issue]:
    for rejection in preview.rejected:
        yield warn(
            "unreadable_rows",
            None,
            1,
            f"Row {rejection.row} will be rejected: {rejection.message}.",
        )


def _check_columns(mapping: ColumnMapping, columns: tuple[ColumnPreview, ...]) -> Iterator[Issue]:
    words = (mapping.id, mapping.group, mapping.text, *mapping.ignored)
    for column in columns:
        if column.unclear and column.name not in words:
            yield warn(
                "unclear_numbers",
                column.name,
                column.facts.n_present,
                f"Column '{column.name}' {column.unclear}.",
            )
        elif column.odd_value and column.name not in words:
            n_odd = max(1, round((1 - column.facts.share_numbers) * column.facts.n_present))
            loss = (
                "rows with a value that is no number will be rejected"
                if column.name == mapping.target
                else "a value that is no number counts as missing"
            )
            yield warn(
                "odd_values",
                column.name,
                n_odd,
                f"Column '{column.name}' holds numbers and {column.odd_value}: {loss}.",
                "Correct such values at their source, or leave them empty.",
            )


def _check_counters(preview: FilePreview, mapping: ColumnMapping) -> Iterator[Issue]:
    roles = name_roles(mapping)
    for column in preview.columns:
        if column.name not in roles and counts_rows(column.facts):
            yield warn(
                "counts_rows",
                column.name,
                preview.n_rows,
                f"'{column.name}' counts the rows: where a row stood in its file says nothing of a "
                "row to come, and may give its label away.",
                f"Leave it out (--ignore {column.name}) unless it means something.",
            )


def _check_left_out(preview: FilePreview, mapping: ColumnMapping) -> Iterator[Issue]:
    for column in preview.columns:
        guessed = column.name in preview.mapping.ignored
        if guessed and column.name in mapping.ignored and not column.name.startswith(METADATA):
            yield Issue(
                "left_out",
                Severity.INFO,
                column.name,
                column.facts.n_present,
                f"Column '{column.name}' {column.why}: it is ignored unless you choose it.",
            )
    roles = name_roles(mapping)
    if mapping.text is None and all(column.name in roles for column in preview.columns):
        yield warn(
            "no_feature",
            None,
            preview.n_rows,
            "No column is left as a feature: every one is the target, has a role, or is ignored.",
            "Give a column back, or choose the one that holds text with --text.",
        )
