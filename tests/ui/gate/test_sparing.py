"""A flood from outside is a line in ten seconds."""

from ui.gate.sparing import Sparing


def test_the_first_is_written_and_the_others_are_counted() -> None:
    now = 100.0
    sparing = Sparing(lambda: now)
    assert [sparing.count() for _ in range(500)] == [1, *[0] * 499]
    now = 109.9
    assert sparing.count() == 0
    now = 110.0
    assert [sparing.count(), sparing.count()] == [501, 0]
