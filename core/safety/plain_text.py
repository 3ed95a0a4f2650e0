"""Text from outside, one line that can be read: hidden characters shown, overlong words cut."""

import re
import unicodedata

LONGEST_WORD = 80
"""Characters of a word, such as a file's name, before its middle is left out."""

_LONGEST_TEXT = 4_000
_MOST_MARKS = 2  # that one letter may carry: more would run over the lines around it
_INVISIBLE = frozenset(map(chr, (0xA0, 0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5)))
_INVISIBLE |= frozenset(map(chr, (*range(0xFE00, 0xFE10), 0x2800, 0x3164, 0xFFA0)))
_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def show_hidden(text: str) -> str:
    """Control, direction and zero-width characters, and heaps of accents, by their numbers.

    >>> show_hidden("a\\u200bb\\n"), show_hidden("Zoë, 表")
    ('a⟨U+200B⟩b⟨U+000A⟩', 'Zoë, 表')
    """
    if text.isascii() and text.isprintable():
        return text
    shown, n_marks = [], 0
    for letter in text:
        kind = unicodedata.category(letter)
        n_marks = n_marks + 1 if kind in ("Mn", "Me") else 0
        hidden = (
            letter in _INVISIBLE or n_marks > _MOST_MARKS or (kind[0] in "CZ" and letter != " ")
        )
        shown.append(f"⟨U+{ord(letter):04X}⟩" if hidden else letter)
    return "".join(shown)


def leave_out_middle(text: str) -> str:
    """The text with the middle of each overlong word, and of itself, left out.

    >>> leave_out_middle("x" * 100 + " y") == "x" * 40 + "…" + "x" * 39 + " y"
    True
    """
    kept = _LONG_WORD.sub(lambda found: _cut(found[0], LONGEST_WORD), text)
    return _cut(kept, _LONGEST_TEXT)


def _cut(text: str, longest: int) -> str:
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[half - longest + 1 :]}"
