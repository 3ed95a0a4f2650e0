"""What is there at a glance: whether it is whole, whether it is real, what is wrong with it, and
what to do next; pure."""

from dataclasses import dataclass

from core.data.overview import DataSummary
from core.domain.issue import Severity, fold_issues
from core.domain.sample import choose_newest
from core.domain.source import Outcome

_NAMED = 2  # sources; below the answers each says for itself what went wrong


@dataclass(frozen=True, slots=True)
class Answer:
    """A question about the rows, answered: `good` is None where nobody knows."""

    question: str
    good: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class Glance:
    """The answers, in the order of the questions, and the next step as a sentence."""

    answers: tuple[Answer, ...]
    next_step: str


def judge_data(data: DataSummary) -> Glance:
    """The answers for a store that has rows.

    >>> from core.data.overview import summarize_data
    >>> from core.domain.sample import Provenance, SampleCounts
    >>> counts = [SampleCounts("demo", Provenance.SYNTHETIC, 3, None, None)]
    >>> glance = judge_data(summarize_data(counts, None, []))
    >>> [(answer.question, answer.good) for answer in glance.answers]
    [('Whole', True), ('Real', False), ('Sound', None)]
    """
    whole, real, sound = _is_whole(data), _is_real(data), _is_sound(data)
    return Glance((whole, real, sound), _choose_step(data, whole, real))


def _is_whole(data: DataSummary) -> Answer:
    failed = [source.name for source in data.sources if source.outcome is Outcome.FAILED]
    waiting = [source.name for source in data.sources if source.n_waiting]
    n_rejected = sum(one.n_rejected for one in choose_newest(data.collections))
    lost = _find_lost_files(data)
    if failed:
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        names = ", ".join(failed[:_NAMED]) + more
        return Answer("Whole", False, f"the last collection of {names} failed")
    if waiting:
        return Answer("Whole", False, f"a collection of {', '.join(waiting)} was cut off")
    if lost:
        return Answer(
            "Whole", False, f"the import of {', '.join(lost)} failed: none of its rows is there"
        )
    if n_rejected:
        return Answer(
            "Whole", False, f"{n_rejected:,} rows of the newest imports were rejected, see below"
        )
    return Answer("Whole", True, "every row of the newest imports was taken")


def _find_lost_files(data: DataSummary) -> list[str]:
    """The files whose import failed and left nothing; tables and the folder tell their own."""
    failed = dict.fromkeys(one.source for one in data.collections if one.error is not None)
    return [name for name in failed if name.startswith("file:") and name not in data.by_source]


def _is_real(data: DataSummary) -> Answer:
    n_observed = data.n_rows - data.n_synthetic
    if not n_observed:
        return Answer("Real", False, "every row is synthetic")
    if data.n_synthetic:
        return Answer(
            "Real",
            True,
            f"{n_observed:,} rows were observed; {data.n_synthetic:,} synthetic ones are left out "
            "of a training",
        )
    return Answer("Real", True, "every row was observed, none is synthetic")


def _is_sound(data: DataSummary) -> Answer:
    if data.quality is None:
        return Answer("Sound", None, "the rows were not checked yet")
    n_blocking = _count(data, Severity.BLOCKING)
    n_warnings = _count(data, Severity.WARNING)
    if n_blocking:
        return Answer("Sound", False, f"{n_blocking} of the checks stop a training")
    if n_warnings:
        return Answer("Sound", False, f"the checks warn of {n_warnings}, none stops a training")
    return Answer("Sound", True, "the checks found nothing to warn of")


def _choose_step(data: DataSummary, whole: Answer, real: Answer) -> str:
    if any(source.outcome is Outcome.FAILED for source in data.sources):
        return "Mend the source that failed, as it says below, and collect again."
    if not whole.good and any(source.n_waiting for source in data.sources):
        return "Collect now: it goes on where it was cut off."
    if _find_lost_files(data):
        return "Import what failed again: under Imports it says why."
    if _count(data, Severity.BLOCKING):
        return "Settle what stops a training, under Quality, or override it there with a reason."
    if not real.good:
        return "Import rows that people scored: what synthetic ones teach is true of them only."
    if data.quality is None:
        return "Import something, so that the checks run."
    if _count(data, Severity.WARNING):
        return "Look through the warnings, then train."
    return "Train a version."


def _count(data: DataSummary, severity: Severity) -> int:
    return sum(issue.severity is severity for issue in fold_issues(data.issues))
