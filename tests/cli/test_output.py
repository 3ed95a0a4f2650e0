"""What the verbs share."""

import json

import pytest

from core.cli.output import emit, parse_time, say
from core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-05-03T14:10", "2026-05-03T14:10:00+00:00"),
        ("2026-05-03 14:10:30+02:00", "2026-05-03T12:10:30+00:00"),
        ("2026-05-03", "2026-05-03T00:00:00+00:00"),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, at: str) -> None:
    assert parse_time(text).isoformat() == at


def test_what_is_no_time_is_refused_with_how_to_write_one() -> None:
    with pytest.raises(InvalidInput, match="'yesterday' is not a time: write it as"):
        parse_time("yesterday")


NAME = "ana\x1b[2J\r\x9b1m\u202e\ud800"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_name_that_was_stored_cannot_drive_the_terminal(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    name = NAME[:-1] if as_json else NAME  # a lone surrogate is no JSON
    emit({"name": name}, lambda: f"by {name}\nsecond line", as_json)
    say(f"by {NAME}")
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not {"\x1b", "\r", "\x9b", "\u202e"} & set(text)
    assert ("\\u001b[2J" if as_json else "⟨U+001B⟩[2J") in out
    assert "⟨U+001B⟩[2J" in err
    if as_json:
        assert json.loads(out) == {"name": name}
    else:
        assert out.endswith("\nsecond line\n")
