"""The data page's first lines say whether the rows are whole, real and sound, and what is next."""

from dataclasses import replace

import pytest

from core.data.quality.overview import DataSummary, judge_data, summarize_data
from core.domain.dataset import Issue, QualityReport, Severity
from core.domain.sample import Collection, Provenance, SampleCounts
from core.domain.source import CollectionOutcome, Source
from tests.streams import NOON

REAL = SampleCounts("file:a", Provenance.REAL, 5, NOON, NOON)
DEMO = SampleCounts("demo", Provenance.SYNTHETIC, 3, NOON, NOON)
CLEAN = QualityReport(NOON, 5, (), ())
DONE = Collection(1, "file:a", NOON, "ada", NOON, 5, 5, 0, 0, (), {}, None)


def summary(*severities: Severity, **changes: object) -> DataSummary:
    issues = tuple(Issue("x", severity, None, 1, "No.") for severity in severities)
    base = summarize_data([REAL], replace(CLEAN, issues=issues), [DONE])
    return replace(base, **changes)  # type: ignore[arg-type]


def said(data: DataSummary) -> dict[str, tuple[bool | None, str]]:
    return {answer.question: (answer.good, answer.said) for answer in judge_data(data).answers}


def test_rows_without_a_fault_are_to_be_trained_on() -> None:
    assert said(summary()) == {
        "Whole": (True, "every row of the newest imports was taken"),
        "Real": (True, "every row was observed, none is synthetic"),
        "Sound": (True, "the checks found nothing to warn of"),
    }
    assert judge_data(summary()).next_step == "Train a version."


@pytest.mark.parametrize(
    ("severity", "sentence", "step"),
    [
        (Severity.WARNING, "the checks warn of 1, none stops", "Look through the warnings"),
        (Severity.BLOCKING, "1 of the checks stop a training", "Settle what stops a training"),
    ],
)
def test_what_the_checks_found_is_counted(severity: Severity, sentence: str, step: str) -> None:
    good, found = said(summary(severity))["Sound"]
    assert (good, found.startswith(sentence)) == (False, True)
    assert judge_data(summary(severity)).next_step.startswith(step)


def test_one_sentence_of_two_columns_is_one_warning_and_a_note_is_none() -> None:
    parts = tuple(Issue("leaky_column", Severity.WARNING, name, 5, "Both.") for name in "ab")
    note = Issue("mixed_provenance", Severity.INFO, None, 5, "Nothing needs to be done.")
    data = summary(quality=replace(CLEAN, issues=(*parts, note)))
    assert said(data)["Sound"] == (False, "the checks warn of 1, none stops a training")
    data = summary(quality=replace(CLEAN, issues=(note,)))
    assert said(data)["Sound"] == (True, "the checks found nothing to warn of")
    assert judge_data(data).next_step == "Train a version."


def test_a_source_that_failed_comes_before_everything_else() -> None:
    failed = Source(
        "supabase:t", {}, 1, NOON, NOON, outcome=CollectionOutcome.FAILED, message="No."
    )
    data = summarize_data([REAL], CLEAN, [DONE], [failed])
    assert said(data)["Whole"] == (False, "the last collection of supabase:t failed")
    assert judge_data(data).next_step.startswith("Mend the source that failed")
    many = summarize_data([REAL], CLEAN, [DONE], [replace(failed, name=name) for name in "abcd"])
    assert said(many)["Whole"] == (False, "the last collection of a, b and 2 more failed")


def test_rejected_rows_are_not_whole() -> None:
    data = summary(collections=(replace(DONE, n_rejected=2),))
    assert said(data)["Whole"][1] == "2 rows of the newest imports were rejected, see below"


def test_what_the_newest_import_of_a_file_took_counts_and_no_earlier_one() -> None:
    corrected = replace(DONE, id=2)
    data = summary(collections=(corrected, replace(DONE, n_rejected=2)))
    assert said(data)["Whole"] == (True, "every row of the newest imports was taken")


def test_a_file_that_never_came_in_is_not_whole() -> None:
    failed = replace(DONE, id=2, source="file:b", finished_at=None, error="Row 1 has no target.")
    data = summary(collections=(failed, DONE))
    assert said(data)["Whole"] == (
        False,
        "the import of file:b failed: none of its rows is there",
    )
    assert judge_data(data).next_step == "Import what failed again: under Imports it says why."
    there = summarize_data([REAL, replace(REAL, source="file:b")], CLEAN, [failed, DONE])
    assert said(there)["Whole"][0] is True
    rows_of_before = summary(collections=(replace(failed, source=DONE.source), DONE))
    assert said(rows_of_before)["Whole"][0] is True


def test_synthetic_rows_are_told_from_real_ones() -> None:
    only = summarize_data([DEMO], CLEAN, [])
    assert said(only)["Real"] == (False, "every row is synthetic")
    assert judge_data(only).next_step.startswith("Import rows that people scored")
    both = summarize_data([REAL, DEMO], CLEAN, [])
    assert said(both)["Real"][0] is True
    assert "3 synthetic ones are left out" in said(both)["Real"][1]


def test_rows_that_were_not_checked_are_not_called_sound() -> None:
    assert said(summary(quality=None))["Sound"] == (None, "the rows were not checked yet")
