"""Masking: no part of a secret is left of it in any text, and no character drives a terminal."""

import gc
import json
import pickle
import time
from base64 import b64encode

import pytest

from core.errors import InvalidInput, Unavailable
from core.safety.masking import Hides, Secret, mask, write_out

PASSWORD = "p4ss/w@rd:#? x"  # all that an address takes for syntax


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://ana:hunter2@db/p", "postgresql://***@db/p"),
        ("postgresql://ana:hun/t@er2@db/p", "postgresql://***@db/p"),
        ("postgresql+psycopg://ana@db/p", "postgresql+psycopg://***@db/p"),
        ("https://ghp_0123456789@git.example/x", "https://***@git.example/x"),
        ("https://ghp_0123456789:@git.example/x", "https://***@git.example/x"),
        ("postgresql://db/p?user=ana&password=hunter2#x", "postgresql://db/p?user=ana&password=***#x"),
        ("postgresql://db/p?sslpassword=a&sslmode=require", "postgresql://db/p?sslpassword=***&sslmode=require"),
        ("https://m.example/?access_token=a.b-c&x=1", "https://m.example/?access_token=***&x=1"),
        ("json://h/?+X-Api-Key=abc", "json://h/?+X-Api-Key=***"),
        ("HTTPS://h/?PassWord=abc", "HTTPS://h/?PassWord=***"),
        ("no answer ('https://a:b@h/x')", "no answer ('https://***@h/x')"),
        ("two: http://a:b@h and http://c:d@i", "two: http://***@h and http://***@i"),
        ("authorization: Bearer abcdefghijklmnop", "authorization: Bearer ***"),
        ("the key plk_abcdefghijklmnop was revoked", "the key plk_*** was revoked"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked_without_being_known(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////var/lib/plumbline/plumbline.db",
        "https://mlflow.example:8443/team/one",
        "see https://example.org/docs#login and write to ana@example.org",
        "keys: 3, tokens = 17",
        "plk_abc",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


def quote_as(kind: str, text: str) -> str:
    from urllib.parse import quote

    return {
        "it is": text,
        "JSON writes it": json.dumps(text),
        "Python writes it": repr(text),
        "an address writes it": quote(text, safe=""),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["it is", "JSON writes it", "Python writes it", "an address writes it"]
)
@pytest.mark.parametrize("text", ['quote"back\\slash', "schlüssel-ü", PASSWORD])
def test_a_known_secret_is_masked_as(kind: str, text: str) -> None:
    secret = Secret(text)
    shown = mask(f"before {quote_as(kind, text)} after")
    assert text[:8] not in shown
    assert "***" in shown
    assert secret.reveal() == text


def test_the_password_of_a_known_address_is_masked_alone_and_as_a_header_has_it() -> None:
    secret = Secret("https://ana:hunter2hunter2@mlflow.example", Hides.LOGIN)
    header = b64encode(b"ana:hunter2hunter2").decode()
    assert mask(f"hunter2hunter2 or Basic {header}") == "*** or Basic ***"
    assert secret.masked == "https://***@mlflow.example"


def test_the_name_of_a_database_and_its_user_are_no_secrets() -> None:
    secret = Secret("postgresql://postgres:hunter2hunter2@db/plumbline_production_1", Hides.LOGIN)
    said = 'password authentication failed for user "postgres" at db/plumbline_production_1'
    assert mask(said) == said
    assert secret


def test_the_long_words_of_a_webhook_are_masked_alone() -> None:
    secret = Secret("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", Hides.WORDS)
    assert (
        mask("POST /services/T1JJ3T3L2/TIiajkdnlazkcOXrIdevi7FQ") == "POST /services/T1JJ3T3L2/***"
    )
    assert secret


def test_a_secret_that_nobody_holds_any_more_is_forgotten() -> None:
    secret = Secret("a-word-that-is-no-secret")
    del secret
    gc.collect()
    assert mask("a-word-that-is-no-secret") == "a-word-that-is-no-secret"


def test_a_second_holder_of_a_secret_keeps_it_masked() -> None:
    first, second = Secret("one-word-and-another"), Secret("one-word-and-another")
    assert first == second
    del first
    gc.collect()
    assert mask("one-word-and-another") == "***"
    assert second


def test_a_secret_is_given_away_by_reveal_alone() -> None:
    secret = Secret("hunter2hunter2")
    shown = [str(secret), repr(secret), f"{secret}", str({1: secret}), str([secret])]
    assert not any("hunter2" in text for text in shown)
    for serialize in (json.dumps, pickle.dumps):
        with pytest.raises(TypeError):
            serialize(secret)


@pytest.mark.parametrize("kind", [InvalidInput, Unavailable])
def test_an_error_says_no_secret_whoever_raises_it(kind: type[InvalidInput]) -> None:
    error = kind("postgresql://ana:hunter2@db cannot be used.")
    assert str(error) == "postgresql://***@db cannot be used."
    assert "hunter2" not in repr(error) + error.public


@pytest.mark.parametrize(
    "hostile",
    ["://" * 100_000, "a://" * 100_000, "?key" * 100_000, "?" + "key" * 100_000, "a" * 300_000,
     "http://" + "a" * 300_000, "?a=" * 100_000, "Bearer " * 50_000, "&" * 300_000 + "="],
)  # fmt: skip
def test_a_long_hostile_text_does_not_take_long(hostile: str) -> None:
    started = time.process_time()
    mask(hostile)
    assert time.process_time() - started < 3.0


# --- Characters -----------------------------------------------------------------------------

DRIVING = ["\x1b", "\r", "\x00", "\x07", "\x08", "\x7f", "\x85", "\x9b", "\u2028", "\u2029",
           "\u200e", "\u202e", "\u2066", "\u2069", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("character", DRIVING, ids=ascii)
def test_what_drives_a_terminal_or_ends_a_line_is_written_out(character: str) -> None:
    text = f"a{character}b"
    assert write_out(text) == f"a\\u{ord(character):04x}b"
    assert json.loads(write_out(json.dumps(text, ensure_ascii=False))) == text


def test_other_text_stays_as_it_is() -> None:
    text = "tab\t, line\nend, ünï, 漢字, 🙂, שלום, العربية, a\u200db"
    assert write_out(text) == text
