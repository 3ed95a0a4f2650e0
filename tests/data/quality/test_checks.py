"""The checks: each finds what it is for, names the column and the number, and says what to do."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.frames import build_table
from core.data.quality.checks import (
    check_own_scores,
    check_provenance,
    check_rows,
    order_issues,
)
from core.data.quality.column_summaries import summarize_columns
from core.data.quality.import_checks import check_collections
from core.data.quality.near_duplicates import identify_content
from core.data.quality.rules import read_rules
from core.data.sources.demo import generate_demo
from core.domain.dataset import (
    AT,
    EXTERNAL_ID,
    GROUP,
    KEY,
    LABELLED_AT,
    PROVENANCE,
    SOURCE,
    TARGET,
    TEXT,
    Issue,
    Severity,
    fold_issues,
)
from core.domain.sample import Collection, Rejection
from core.errors import InvalidInput
from core.settings import Scale
from tests.data.conftest import NOON, make_frame

PERCENT = Scale(0, 100)


def _check(frame: pd.DataFrame, scale: Scale = PERCENT) -> list[Issue]:
    return check_rows(frame, scale=scale, now=NOON)


def _find(frame: pd.DataFrame, code: str, scale: Scale = PERCENT) -> Issue:
    (issue,) = [issue for issue in _check(frame, scale) if issue.code == code]
    return issue


def test_clean_rows_raise_nothing(clean_frame: pd.DataFrame) -> None:
    assert _check(clean_frame) == []


def test_demo_rows_raise_only_that_they_are_synthetic() -> None:
    for seed in range(3):
        demo = generate_demo(1000, seed, NOON, PERCENT)
        frame = build_table([[(s.external_id or "", s) for s in demo.samples]]).to_pandas()
        issues = _check(frame)
        serious = [issue.code for issue in issues if issue.severity is not Severity.INFO]
        assert serious == ["synthetic_rows"]
        others = {issue.code for issue in issues} - {"synthetic_rows"}
        assert others == {"missing_values", "groups_across_split"}  # four candidates a request


@pytest.mark.parametrize(
    ("n", "severity"),
    [(0, Severity.BLOCKING), (49, Severity.BLOCKING), (50, Severity.WARNING), (150, None)],
)
def test_too_few_rows(n: int, severity: Severity | None) -> None:
    issues = [issue for issue in _check(make_frame(n)) if issue.code == "too_few_rows"]
    assert [issue.severity for issue in issues] == ([] if severity is None else [severity])
    if severity is Severity.BLOCKING:
        assert issues[0].message == (
            f"{n} rows are too few: a fifth of them is held out to judge by, and on fewer than 10 "
            "rows no figure means anything. Import at least 50, better some hundreds."
        )


def test_a_constant_column(clean_frame: pd.DataFrame) -> None:
    issue = _find(clean_frame.assign(host="ci"), "constant_column")
    assert (issue.column, issue.n_rows, issue.severity) == ("host", 400, Severity.WARNING)
    assert issue.message == (
        "'host' is ci in every row: it says nothing about the target. Leave it out when "
        "you train, or find out why it never changes."
    )


def test_a_nearly_constant_column(clean_frame: pd.DataFrame) -> None:
    flag = np.zeros(400)
    flag[7] = 1.0
    issue = _find(clean_frame.assign(flag=flag), "nearly_constant_column")
    assert (issue.column, issue.severity) == ("flag", Severity.INFO)
    assert "'flag' is 0 in all but 1 of 400 rows" in issue.message


@pytest.mark.parametrize(
    ("n_missing", "severity", "said"),
    [
        (3, None, ""),
        (20, Severity.INFO, "'depth' is missing in 20 rows (5%): they are filled in by a guess"),
        (
            100,
            Severity.WARNING,
            "is missing in 100 rows (25%): they are filled in by a guess. Fill",
        ),
        (400, Severity.WARNING, "is missing in 400 rows (100%): it says nothing. Leave it out"),
    ],
)
def test_missing_values(
    clean_frame: pd.DataFrame, n_missing: int, severity: Severity | None, said: str
) -> None:
    clean_frame.loc[: n_missing - 1, "depth"] = np.nan
    issues = [issue for issue in _check(clean_frame) if issue.code == "missing_values"]
    assert [issue.severity for issue in issues] == ([] if severity is None else [severity])
    for issue in issues:
        assert (issue.column, issue.n_rows) == ("depth", n_missing)
        assert said in issue.message


def test_targets_outside_the_scale_block(clean_frame: pd.DataFrame) -> None:
    clean_frame.loc[:4, TARGET] = 250.0
    issue = _find(clean_frame, "out_of_range")
    assert (issue.column, issue.n_rows, issue.severity) == ("target", 5, Severity.BLOCKING)
    assert "5 of 400 targets are outside the scale 0 to 100" in issue.message
    assert "set PLUMBLINE_SCALE" in issue.message


@pytest.mark.parametrize(("name", "value"), [("codeQuality", 120.0), ("csat", 1.2)])
def test_a_base_metric_outside_its_range(
    clean_frame: pd.DataFrame, name: str, value: float
) -> None:
    metric = np.random.default_rng(0).uniform(0, 1, 400)
    metric[:3] = value
    issue = _find(clean_frame.assign(**{name: metric}), "out_of_range")
    assert (issue.column, issue.n_rows) == (name, 3)


def test_a_target_that_never_changes_blocks(clean_frame: pd.DataFrame) -> None:
    issue = _find(clean_frame.assign(**{TARGET: 70.0}), "low_target_variance")
    assert (issue.severity, issue.n_rows) == (Severity.BLOCKING, 400)
    assert "All 400 targets are 70: there is nothing to learn." in issue.message


def test_a_target_that_is_mostly_one_value(clean_frame: pd.DataFrame) -> None:
    clean_frame.loc[:339, TARGET] = 80.0
    issue = _find(clean_frame, "low_target_variance")
    assert (issue.severity, issue.n_rows) == (Severity.WARNING, 340)
    assert "85% of the targets are 80: always guessing that is hard to beat." in issue.message


def test_a_target_that_hardly_varies_on_its_scale(clean_frame: pd.DataFrame) -> None:
    issue = _find(clean_frame, "low_target_variance", Scale(0, 100_000))
    assert "hardly vary" in issue.message
    assert "check PLUMBLINE_SCALE" in issue.message


def test_a_leaky_column(clean_frame: pd.DataFrame) -> None:
    issue = _find(clean_frame.assign(echo=clean_frame[TARGET] * 2), "leaky_column")
    assert (issue.column, issue.severity) == ("echo", Severity.WARNING)
    assert issue.message == (
        "'echo' gives the target away (its correlation with the target is 1.0000): where it is "
        "known only together with the target, every figure will be too good to be true. Leave it "
        "out when you train."
    )


def test_columns_that_leak_together_each_say_so_in_the_same_sentence(clean_frame) -> None:
    part = np.random.default_rng(0).normal(20, 8, 400)
    frame = clean_frame.assign(first=part, second=clean_frame[TARGET] - part)
    issues = [issue for issue in _check(frame) if issue.code == "leaky_column"]
    assert [issue.column for issue in issues] == ["first", "second"]
    assert issues[0].message == issues[1].message
    assert issues[0].message.startswith(
        "'first' and 'second' together give the target away (they add up to the target): where"
    )
    assert fold_issues(issues) == issues[:1]


def test_rows_that_repeat_but_for_their_id(clean_frame: pd.DataFrame) -> None:
    again = clean_frame.iloc[:8].copy()
    again[KEY], again[EXTERNAL_ID] = [f"k{i}" for i in range(8)], list("abcdefgh")
    issue = _find(pd.concat([clean_frame, again], ignore_index=True), "duplicate_rows")
    assert (issue.n_rows, issue.severity) == (8, Severity.WARNING)
    assert "8 of 408 rows (2.0%) repeat another in all that is kept of it" in issue.message


def test_rows_with_the_same_features_would_flatter_a_random_split(clean_frame) -> None:
    again = clean_frame.iloc[:3].copy()
    again[TARGET] = [1.0, 2.0, 3.0]
    issue = _find(pd.concat([clean_frame, again], ignore_index=True), "duplicates_across_split")
    assert (issue.n_rows, issue.severity) == (6, Severity.INFO)
    assert "6 of 403 rows (1.5%) have the same features as another row" in issue.message
    assert "Find out" not in issue.message


def test_a_third_of_rows_with_the_same_features_is_to_be_looked_into(clean_frame) -> None:
    again = clean_frame.iloc[:100].assign(**{TARGET: 1.0})
    issue = _find(pd.concat([clean_frame, again], ignore_index=True), "duplicates_across_split")
    assert (issue.n_rows, issue.severity) == (200, Severity.WARNING)
    assert issue.message.endswith(
        "keeps them together. Find out whether an export repeats its rows, or lacks a column that "
        "tells them apart."
    )


def test_all_rows_from_a_few_days(clean_frame: pd.DataFrame) -> None:
    times = pd.date_range(NOON - timedelta(days=2), NOON, periods=400)
    issue = _find(clean_frame.assign(**{AT: times}), "narrow_time_window")
    assert (issue.column, issue.n_rows) == ("timestamp", 400)
    assert "All rows are from 3 days (2026-02-28 12:00 to 2026-03-02 12:00 UTC)" in issue.message


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(5, "less than half an hour"), (40, "an hour"), (100, "2 hours"), (30 * 60, "2 days")],
)
def test_a_short_time_is_said_in_words(clean_frame: pd.DataFrame, minutes: int, said: str) -> None:
    times = pd.date_range(NOON - timedelta(minutes=minutes), NOON, periods=400)
    issue = _find(clean_frame.assign(**{AT: times}), "narrow_time_window")
    assert issue.message.startswith(f"All rows are from {said} (")


def test_rows_that_are_old(clean_frame: pd.DataFrame) -> None:
    issue = _find(
        clean_frame.assign(**{AT: clean_frame[AT] - pd.Timedelta(days=200)}), "stale_data"
    )
    assert "The newest row is of 2025-08-14, 200 days ago" in issue.message


def test_rows_from_the_future(clean_frame: pd.DataFrame) -> None:
    clean_frame.loc[0, AT] = pd.Timestamp("2126-01-01", tz="UTC")
    issue = _find(clean_frame, "future_times")
    assert issue.n_rows == 1
    assert "check the unit and the zone of their times" in issue.message


def test_rows_without_times_raise_nothing_about_times(clean_frame: pd.DataFrame) -> None:
    assert _check(clean_frame.assign(**{AT: pd.Series(pd.NaT, index=range(400))})) == []


def test_observed_rows_are_checked_alone_where_generated_ones_stand_beside(clean_frame) -> None:
    synthetic = clean_frame.assign(**{PROVENANCE: "synthetic", TARGET: 999.0})
    issues = _check(pd.concat([clean_frame, synthetic], ignore_index=True))
    assert [(i.code, i.severity) for i in issues] == [("mixed_provenance", Severity.INFO)]
    assert "400 generated rows stand beside 400 observed ones" in issues[0].message


def test_provenance_is_said_from_counts_alone() -> None:
    assert check_provenance(5, 0) == []
    assert [issue.code for issue in check_provenance(5, 1)] == ["mixed_provenance"]
    (issue,) = check_provenance(0, 7)
    assert issue.message.startswith("All 7 rows are generated: what is trained on them shows how")


def test_issues_come_worst_first() -> None:
    issues = [
        Issue("b", Severity.INFO, None, 1, ""),
        Issue("z", Severity.WARNING, "y", 1, ""),
        Issue("z", Severity.WARNING, "x", 1, ""),
        Issue("c", Severity.BLOCKING, None, 1, ""),
    ]
    assert [(i.code, i.column) for i in order_issues(issues)] == [
        ("c", None),
        ("z", "x"),
        ("z", "y"),
        ("b", None),
    ]


def test_columns_are_summarized(clean_frame: pd.DataFrame) -> None:
    frame = pd.DataFrame(
        {
            TARGET: [0.0, 10.0, 10.0, 20.0],
            "n": [1.0, np.nan, 3.0, 3.0],
            "w": pd.Series(["x", None, "x", "y"], dtype="str"),
            "e": [np.nan] * 4,
        }
    )
    target, number, word, empty = summarize_columns(frame)
    assert (target.name, target.low, target.mean, target.high) == ("target", 0.0, 10.0, 20.0)
    assert (number.kind, number.n_missing, number.n_distinct) == ("number", 1, 2)
    assert (number.top, number.top_share) == ("3", pytest.approx(2 / 3))
    assert (word.kind, word.low, word.top, word.n_missing) == ("category", None, "x", 1)
    assert (empty.n_missing, empty.n_distinct, empty.top, empty.mean) == (4, 0, None, None)


def test_a_feature_that_is_called_target_is_checked_like_any_other(clean_frame) -> None:
    issue = _find(clean_frame.assign(target="same"), "constant_column")
    assert issue.column == "target"


def _collection(id: int, **known: object) -> Collection:
    facts: dict[str, object] = {
        "source": "file:a.csv",
        "started_at": NOON,
        "started_by": "ada",
        "finished_at": NOON,
        "n_received": 100,
        "n_new": 100,
        "n_duplicate": 0,
        "n_rejected": 0,
        "rejected": (),
        "mapping": {},
        "error": None,
    }
    return Collection(id=id, **{**facts, **known})  # type: ignore[arg-type]


def test_what_the_newest_import_of_a_source_rejected_is_said_by_reason() -> None:
    rejected = (
        *(Rejection(row, "target 'y' is 200, outside", "target_out_of_scale") for row in (3, 4)),
        *(Rejection(row, "target 'y' is missing", "target_missing") for row in range(10, 18)),
    )
    newest = _collection(2, n_new=90, n_rejected=10, rejected=rejected)
    missing, outside = check_collections([newest, _collection(1, n_rejected=50)])
    assert (missing.code, missing.n_rows, missing.severity) == (
        "rejected_rows",
        8,
        Severity.WARNING,
    )
    assert missing.sentence == (
        "8 of 100 rows of file:a.csv were not taken. Row 10: target 'y' is missing. Correct such "
        "rows at their source and bring them again."
    )
    assert (outside.code, outside.n_rows, outside.severity) == ("out_of_range", 2, Severity.INFO)


def test_rows_that_came_twice_are_said_and_are_no_problem() -> None:
    (issue,) = check_collections([_collection(1, n_new=70, n_duplicate=30)])
    assert (issue.code, issue.severity, issue.n_rows) == ("duplicate_rows", Severity.INFO, 30)
    assert "they count once" in issue.message


def test_imports_that_failed_are_not_counted() -> None:
    assert check_collections([_collection(1, n_duplicate=30, finished_at=None)]) == []


# --- What does not belong together ----------------------------------------------------------


def _wide(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """`make_frame` with three more numbers."""
    rng = np.random.default_rng(seed)
    more = {name: rng.normal(50, 10, n) for name in ("health", "coverage", "security")}
    return make_frame(n, seed).assign(**more)


@pytest.mark.parametrize("n", [60, *(pytest.param(n, marks=pytest.mark.slow) for n in (200, 1500))])
def test_clean_rows_of_any_kind_raise_no_warning(n: int) -> None:
    """60 frames of numbers, categories, texts, groups, gaps and several sources."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        frame = _wide(n, seed)
        frame[GROUP] = pd.Series([f"g{k}" for k in rng.integers(0, n // 4, n)], dtype="str")
        frame[EXTERNAL_ID] = [f"id{k}" for k in range(n)]
        frame[SOURCE] = rng.choice(["file:a", "file:b"], n)
        frame[TEXT] = [" ".join(rng.choice(["a", "fox", "sees", "trees"], 30)) for _ in range(n)]
        frame["cost"] = rng.lognormal(0, 1.5, n)
        frame["tries"] = rng.poisson(3, n).astype("f8")
        frame["team"] = pd.Series(rng.choice(list("abcdefgh"), n), dtype="str")
        frame.loc[rng.random(n) < 0.05, "health"] = np.nan
        frame.loc[rng.random(n) < 0.05, "coverage"] = np.nan
        serious = [i.message for i in _check(frame) if i.severity is not Severity.INFO]
        assert [
            m for m in serious if "rows are few" not in m and "All rows are from" not in m
        ] == []


def test_hard_coded_metrics_beside_real_ones_are_two_populations() -> None:
    frame = _wide()
    frame.loc[frame.index[:120], ["health", "coverage", "security"]] = [80.0, 75.0, 90.0]
    issue = _find(frame, "two_populations")
    assert issue.n_rows == 120
    assert "'coverage', 'health', 'security' are empty or one value" in issue.message


def test_columns_that_only_one_kind_of_row_has_are_two_populations() -> None:
    frame = _wide()
    frame.loc[frame.index[250:], ["health", "coverage"]] = np.nan
    issue = _find(frame, "two_populations")
    assert issue.n_rows == 150
    assert "'health' is missing (38% of the rows)" in issue.message


def test_rows_that_are_nearly_copies_are_counted_and_kept_together() -> None:
    frame = _wide()
    numbers = ["depth", "size", "health", "coverage", "security"]
    near = frame.iloc[:60].assign(**{name: frame[name] + 1e-6 for name in numbers})
    both = pd.concat([frame, near], ignore_index=True)
    issue = _find(both, "near_duplicates")
    assert (issue.n_rows, issue.severity) == (120, Severity.INFO)
    content = identify_content(both)
    assert content[:60].tolist() == content[400:].tolist()
    assert len(set(content.tolist())) == 400


def test_texts_that_differ_in_spaces_and_case_are_nearly_copies() -> None:
    frame = make_frame(100)
    words = "def area(width, height): return width * height  # of a rectangle {}"
    rng = np.random.default_rng(1)
    letters = ["".join(rng.choice(list("abcdefghij"), 20)) for _ in range(100)]
    frame[TEXT] = [words.format(letter) for letter in letters]
    frame.loc[frame.index[50:], TEXT] = [words.format(x).upper() + "  " for x in letters[:50]]
    assert _find(frame, "near_duplicates").n_rows == 100


def test_a_unit_that_changed_is_found_by_time_and_by_source() -> None:
    frame = _wide()
    late = frame.assign(health=frame["health"] * np.where(np.arange(400) < 360, 1, 100))
    issue = _find(late, "unit_change")
    assert issue.column == "health"
    assert "times as large since" in issue.message
    other = frame.assign(coverage=frame["coverage"] / np.where(np.arange(400) % 2, 1, 100))
    other[SOURCE] = np.where(np.arange(400) % 2, "file:a", "file:b")
    assert "'coverage'" in _find(other, "unit_change").message


def test_a_column_that_goes_missing_of_late_or_in_one_source_is_named() -> None:
    frame = _wide()
    frame.loc[frame.index[360:], "health"] = np.nan
    assert _find(frame, "sudden_missingness").column == "health"
    frame = _wide()
    frame[SOURCE] = np.where(np.arange(400) % 3, "file:a", "file:b")
    frame.loc[frame[SOURCE] == "file:b", "security"] = np.nan
    issue = _find(frame, "sudden_missingness")
    assert (issue.column, issue.n_rows) == ("security", 134)
    assert "missing in 100% of the rows from file:b" in issue.message


def test_columns_that_go_missing_together_are_one_finding() -> None:
    frame = _wide()
    frame[SOURCE] = np.where(np.arange(400) % 3, "file:a", "file:b")
    frame.loc[frame[SOURCE] == "file:b", ["security", "health", "coverage"]] = np.nan
    issue = _find(frame, "sudden_missingness")
    assert (issue.column, issue.n_rows) == (None, 134)
    assert all(f"'{name}'" in issue.message for name in ("security", "health", "coverage"))
    assert "are missing in most of the rows from file:b" in issue.message


@pytest.mark.parametrize(
    ("values", "how"),
    [
        (np.arange(400) + 1000.0, "counts the rows"),
        ([f"sha-{n * 7919 % 100_003}" for n in range(400)], "is different in nearly every row"),
        (np.arange(400) * 9000.0 + np.sin(np.arange(400)), "follows the time of the rows"),
    ],
    ids=["a row number", "an id", "a time"],
)
def test_what_names_a_row_is_no_feature(values: object, how: str) -> None:
    issue = _find(make_frame(400).assign(ref=values), "leaky_column")
    assert issue.column == "ref"
    assert how in issue.message


def test_what_never_changes_follows_no_time() -> None:
    issues = _check(make_frame(400).assign(ref=1.0))
    assert [issue.code for issue in issues if issue.column == "ref"] == ["constant_column"]


def test_categories_of_one_row_are_counted() -> None:
    frame = make_frame(400)
    frame["team"] = [f"rare{n}" if n < 12 else "many" if n % 2 else "more" for n in range(400)]
    issue = _find(frame, "rare_categories")
    assert (issue.column, issue.n_rows, issue.severity) == ("team", 12, Severity.INFO)


def test_groups_that_a_random_split_would_tear_apart_are_said() -> None:
    frame = make_frame(400)
    frame[GROUP] = [f"repo{n // 4}" for n in range(400)]
    issue = _find(frame, "groups_across_split")
    assert (issue.n_rows, issue.severity) == (400, Severity.INFO)


def test_labels_from_before_the_work_are_said() -> None:
    frame = make_frame(400)
    frame[LABELLED_AT] = frame[AT] + pd.to_timedelta(np.where(np.arange(400) < 9, -3, 3), "h")
    assert _find(frame, "label_before_row").n_rows == 9


def test_labels_that_are_the_own_predictions_are_said() -> None:
    (issue,) = check_own_scores(100, 80)
    assert (issue.code, issue.n_rows, issue.severity) == ("own_predictions", 80, Severity.WARNING)
    assert check_own_scores(19, 19) == []
    assert check_own_scores(100, 49, 49) == []
    (previous,) = check_own_scores(100, 2, 80)
    assert (previous.code, previous.n_rows) == ("own_predictions", 80)
    assert "of the prediction before for the same unit" in previous.message


# --- A team's own rules ---------------------------------------------------------------------

SCHEMA = """
schema_type: dataframe
version: 0.35.0
columns:
  size:
    dtype: float64
    nullable: true
    checks:
      greater_than: -1
  target:
    dtype: float64
    checks:
      less_than_or_equal_to: 100
index: null
checks: null
coerce: false
strict: false
"""


def test_a_rule_of_the_team_blocks_and_says_where_it_does_not_hold(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(SCHEMA)
    frame = make_frame(400)
    (issue,) = [
        issue
        for issue in check_rows(frame, scale=PERCENT, now=NOON, rules=read_rules(rules))
        if issue.code == "team_rule"
    ]
    assert (issue.column, issue.severity) == ("size", Severity.BLOCKING)
    assert issue.n_rows == int((frame["size"] <= -1).sum())
    assert "greater_than(-1)" in issue.message


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), ("a: [", "no pandera schema"), ("just words", "no pandera schema")],
)
def test_rules_that_cannot_be_read_say_so(tmp_path: Path, content: str | None, said: str) -> None:
    rules = tmp_path / "rules.yaml"
    if content is not None:
        rules.write_text(content)
    with pytest.raises(InvalidInput, match=said):
        read_rules(rules)


def _rate(each: int, *, named: bool) -> pd.DataFrame:
    """100 pieces of work, each rated by three people, who are a column or not."""
    levels = ["every", "answer", "has", "words", "of", "its", "own"]
    words = np.random.default_rng(5).choice(levels, (100, 20))
    works = make_frame(100).assign(**{TEXT: [" ".join(chosen) for chosen in words]})
    rows = works.loc[works.index.repeat(each)].reset_index(drop=True)
    rows[TARGET] = np.clip(rows[TARGET] + np.tile([-3.0, 0.0, 4.0], len(rows))[: len(rows)], 0, 100)
    if named:
        rows["rater"] = pd.Series([f"r{n % each}" for n in range(len(rows))], dtype="str")
    return rows


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("grouped", [True, False])
def test_ratings_of_one_piece_of_work_by_several_people_are_no_alarm(
    named: bool, grouped: bool
) -> None:
    frame = _rate(3, named=named)
    if grouped:
        frame[GROUP] = [f"answer {n // 3}" for n in range(len(frame))]
    codes = {issue.code for issue in _check(frame) if issue.severity is not Severity.INFO}
    assert not codes & {"near_duplicates", "duplicates_across_split"}


def test_an_export_that_repeats_its_rows_is_still_an_alarm() -> None:
    frame = make_frame(200)
    twice = pd.concat([frame, frame], ignore_index=True)
    assert _find(twice, "duplicates_across_split").severity is Severity.WARNING


def test_counts_that_are_all_zero_where_nothing_was_done_are_one_kind_of_row() -> None:
    frame = _wide()
    rng = np.random.default_rng(3)
    for name in ("n_images", "width", "height"):
        values = rng.integers(1, 900, len(frame)).astype("f8")
        values[:120] = 0.0
        frame[name] = values
    assert "two_populations" not in {issue.code for issue in _check(frame)}


@pytest.mark.parametrize(("tolerance", "warned"), [(5.0, True), (0.5, False)])
def test_a_tolerance_that_makes_one_guess_accurate_for_all_is_an_issue(
    tolerance: float, warned: bool
) -> None:
    frame = make_frame(200)
    frame[TARGET] = 1.0 + np.arange(200) % 5
    issues = check_rows(frame, scale=PERCENT, now=NOON, tolerance=tolerance)
    assert ("wide_tolerance" in {issue.code for issue in issues}) is warned
