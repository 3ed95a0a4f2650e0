"""A note is a sentence, and a tag a short word that can be given and taken away."""

import pytest

from core.domain.version import MAX_TAG, MAX_TEXT, NoteKind, parse_note
from core.errors import InvalidInput


@pytest.mark.parametrize("text", ["", "  ", "x" * (MAX_TEXT + 1)])
def test_a_note_without_words_or_with_too_many_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="A note has 1 to 2,000 characters"):
        parse_note(NoteKind.NOTE, text)


@pytest.mark.parametrize("tag", ["", "two words", "-x", "ä", "x" * (MAX_TAG + 1), "a/b"])
@pytest.mark.parametrize("kind", [NoteKind.TAG, NoteKind.UNTAG])
def test_what_is_no_short_word_is_no_tag(kind: NoteKind, tag: str) -> None:
    with pytest.raises(InvalidInput, match="is not a tag: use at most 40 letters"):
        parse_note(kind, tag)
