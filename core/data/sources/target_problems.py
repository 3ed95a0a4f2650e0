"""The problems of a file's target before its import: what cannot be read, is only a guess, or does
not fit the scale and the tolerance; pure."""

import math
from collections.abc import Iterator

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_facts import ColumnFacts, is_free_text
from core.data.parsing.role_names import rank_target, snake_case
from core.data.quality.import_checks import MAX_LOST
from core.data.sources.file_preview import ColumnPreview, FilePreview
from core.domain.dataset import Issue, Severity, warn
from core.domain.sample import ColumnMapping
from core.settings import Scale

_SHARE_EXACT = 0.9
_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def check_target_column(
    preview: FilePreview, mapping: ColumnMapping, target: ColumnPreview | None
) -> Iterator[Issue]:
    """Yield problems of the column to predict: values that are no numbers, all alike, missing or
    only guessed at, and other columns that are named like a target."""
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


def check_values(facts: ColumnFacts, scale: Scale, tolerance: float | None) -> Iterator[Issue]:
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
