"""The problems of a file before its import, and the choice of its columns with reasons; pure."""

from collections.abc import Iterator, Mapping, Sequence

from core.data.parsing.column_facts import counts_rows, is_time, is_unread_time
from core.data.parsing.json_shapes import METADATA
from core.data.sources.file_preview import ColumnPreview, FilePreview, name_roles
from core.data.sources.target_problems import check_target_column, check_values
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
        *check_target_column(preview, mapping, target),
        *(check_values(target.facts, scale, tolerance) if target and scale else ()),
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


def _rank(issue: Issue) -> tuple[int, int, str]:
    return _SEVERITIES.index(issue.severity), _ORDER.index(issue.code), issue.column or ""


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
