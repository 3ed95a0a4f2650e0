"""The guess at what columns are: from names, corrected by values, a person's to change."""

import pytest

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_facts import ColumnFacts
from core.data.parsing.role_names import snake_case
from core.data.parsing.schema_inference import choose_columns, guess_mapping
from core.domain.sample import ColumnMapping


def _column(name: str, kind: str = "number", **known: object) -> ColumnFacts:
    facts: dict[str, object] = {
        "n_rows": 100,
        "n_missing": 0,
        "n_distinct": 40,
        "share_times": 0.0,
        "whole": False,
        "counting": False,
        "quantiles": (0.0, 500.0),
    }
    return ColumnFacts(name=name, kind=ColumnKind(kind), **{**facts, **known})  # type: ignore[arg-type]


def _time(name: str) -> ColumnFacts:
    return _column(name, "category", share_times=1.0, n_distinct=100)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("codeQuality", "code_quality"),
        ("test coverage", "test_coverage"),
        ("CSAT", "csat"),
        ("Created-At", "created_at"),
        ("metadata.sessionId", "session_id"),
    ],
)
def test_names_are_compared_without_their_spelling(name: str, known_as: str) -> None:
    assert snake_case(name) == known_as


def test_the_target_is_found_by_its_name() -> None:
    mapping = guess_mapping([_column("rating"), _column("words"), _column("lines")]).mapping
    assert mapping.target == "rating"


def test_without_a_known_name_the_target_is_the_last_number() -> None:
    columns = [_column("cement"), _column("strength"), _column("lab", "category")]
    assert guess_mapping(columns).mapping.target == "strength"


def test_a_base_metric_is_not_the_target_while_there_is_another_number() -> None:
    mapping = guess_mapping([_column("lines"), _column("codeQuality"), _column("csat")]).mapping
    assert mapping.target == "lines"


def test_words_under_the_name_of_a_target_are_asked_about_and_no_number_is_taken_instead() -> None:
    guess = guess_mapping([_column("score", "category"), _column("x")])
    assert (guess.mapping.target, guess.target_is_sure) == ("score", True)
    only_words = [_column("score", "category"), _column("x", "category")]
    assert guess_mapping(only_words).mapping.target == "score"


def test_a_time_has_to_be_readable_whatever_its_name() -> None:
    columns = [_column("day"), _time("when"), _column("score")]
    assert guess_mapping(columns).mapping.timestamp == "when"
    assert guess_mapping([_column("time"), _column("score")]).mapping.timestamp is None


def test_a_known_name_wins_over_another_column_of_times() -> None:
    columns = [_time("merged"), _time("timestamp"), _column("score")]
    guess = guess_mapping(columns)
    mapping, why = guess.mapping, guess.why
    assert mapping.timestamp == "timestamp"
    assert mapping.ignored == ("merged",)
    assert "holds times" in why["merged"]


def test_an_id_is_different_in_every_row_and_a_group_repeats() -> None:
    unique = _column("review_id", whole=True, n_distinct=100)
    repeated = _column("question_id", whole=True, n_distinct=25)
    mapping = guess_mapping([unique, repeated, _column("score")]).mapping
    assert (mapping.id, mapping.group) == ("review_id", "question_id")


def test_an_id_that_repeats_is_no_id() -> None:
    mapping = guess_mapping([_column("id", whole=True, n_distinct=99), _column("score")]).mapping
    assert mapping.id is None


def test_an_unnamed_column_that_counts_the_rows_has_no_role() -> None:
    counting = _column("column_1", whole=True, counting=True, n_distinct=100, quantiles=(0, 99))
    guess = guess_mapping([counting, _column("x"), _column("score")])
    assert (guess.mapping.id, guess.mapping.ignored) == (None, ("column_1",))
    assert "where a row stood" in guess.why["column_1"]


def test_a_feature_may_go_up_by_one_from_row_to_row() -> None:
    counting = _column("year", whole=True, counting=True, n_distinct=100, quantiles=(1925, 2024))
    mapping = guess_mapping([counting, _column("x"), _column("score")]).mapping
    assert (mapping.id, mapping.ignored) == (None, ())


def test_long_words_are_the_text_or_ignored() -> None:
    columns = [
        _column("prompt", "text", n_distinct=100),
        _column("response", "text", n_distinct=100),
        _column("score"),
    ]
    guess = guess_mapping(columns)
    mapping, why = guess.mapping, guess.why
    assert (mapping.text, mapping.ignored) == ("response", ("prompt",))
    assert "holds text" in why["prompt"]


def test_words_that_differ_in_nearly_every_row_are_ignored() -> None:
    guess = guess_mapping([_column("surname", "category", n_distinct=100), _column("score")])
    mapping, why = guess.mapping, guess.why
    assert mapping.ignored == ("surname",)
    assert "different in nearly every row" in why["surname"]


def test_nothing_is_two_things_at_once() -> None:
    columns = [_time("created_at"), _column("id", n_distinct=100, whole=True), _column("score")]
    mapping = guess_mapping(columns).mapping
    roles = [mapping.target, mapping.timestamp, mapping.text, mapping.id, mapping.group]
    named = [role for role in roles if role is not None]
    assert len(named) == len(set(named)) == 3


def test_metadata_is_never_a_feature_but_may_be_the_group() -> None:
    columns = [
        _column("metadata.repository", "category", n_distinct=5),
        _column("metadata.host", "category", n_distinct=5),
        _column("score"),
    ]
    mapping = guess_mapping(columns).mapping
    assert (mapping.group, mapping.ignored) == ("metadata.repository", ("metadata.host",))


def test_a_person_overrides_the_guess_and_nothing_stays_twice() -> None:
    guess = ColumnMapping("score", timestamp="at", text="note", group="repo", ignored=("raw",))
    chosen = choose_columns(guess, target="raw", group="note")
    assert chosen == ColumnMapping("raw", timestamp="at", group="note")


def test_choosing_nothing_keeps_the_guess() -> None:
    guess = ColumnMapping("score", timestamp="at", id="k", ignored=("raw",))
    assert choose_columns(guess) == guess


def test_ignoring_a_column_takes_its_role_away() -> None:
    guess = ColumnMapping("score", timestamp="at", ignored=("raw",))
    chosen = choose_columns(guess, ignored=["at", "raw"])
    assert chosen == ColumnMapping("score", ignored=("raw", "at"))


def test_the_time_of_a_label_is_known_by_its_name_beside_the_time_of_the_work() -> None:
    columns = [_time("rated_at"), _time("made_at"), _column("score")]
    mapping = guess_mapping(columns).mapping
    assert (mapping.timestamp, mapping.label_timestamp) == ("made_at", "rated_at")
    assert mapping.ignored == ()


def test_times_of_labels_alone_are_the_times_of_no_work() -> None:
    guess = guess_mapping([_time("rated_at"), _column("score")])
    mapping, why = guess.mapping, guess.why
    assert (mapping.timestamp, mapping.label_timestamp) == (None, None)
    assert why["rated_at"] == "holds times; one timestamp can be chosen"


def test_a_guessed_time_of_labels_goes_with_the_time_of_the_work() -> None:
    guess = ColumnMapping("score", timestamp="at", label_timestamp="rated")
    assert choose_columns(guess, ignored=["at"]) == ColumnMapping("score", ignored=("at",))
    assert choose_columns(guess, label_timestamp="seen").label_timestamp == "seen"
