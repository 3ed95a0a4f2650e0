"""Tokens know code: identifiers, operators and indentation."""

from core.features.hashed import count_ngrams, split_tokens


def test_identifiers_are_kept_and_split_however_they_are_written() -> None:
    assert split_tokens("HTTPServerError") == ["httpservererror", "http", "server", "error"]
    assert split_tokens("parse_json2") == ["parse_json2", "parse", "json", "2"]
    assert split_tokens("plain") == ["plain"]


def test_the_depth_of_a_line_is_a_token() -> None:
    assert split_tokens("a\n        b\n\tc") == ["a", "<2>", "b", "<1>", "c"]


def test_operators_and_other_alphabets_are_tokens() -> None:
    assert split_tokens("x := y") == ["x", ":=", "y"]
    assert split_tokens("größe") == ["größe"]
    assert split_tokens("") == []


def test_runs_of_tokens_are_counted() -> None:
    assert count_ngrams("a a a", 2) == {"a": 3, "a a": 2}
