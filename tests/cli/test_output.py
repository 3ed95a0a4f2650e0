"""What the verbs share."""

import pytest

from core.cli.output import parse_time
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
