"""The notation of a column, for values that may be read in two ways, and the refusal of a value
that does not fit; pure."""

from dataclasses import dataclass

MISSING_WORDS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "?", "\\n"})
"""Words that programs write for a missing number or time; in a column of words they are words."""

NULL_WORDS = frozenset({"<na>", "nan", "nat", "\\n"})
"""Those of them that no person writes: missing in a column of words too."""


@dataclass(frozen=True, slots=True)
class Notation:
    """The way a column writes its values, as far as all of them together say; None where they do
    not."""

    decimal_comma: bool | None = None  # 1.234,5; False: 1,234.5
    percent: bool | None = None  # every number has a % sign; False: none has
    day_first: bool | None = None  # 16/12/2006; False: 12/16/2006
    packed: bool = False  # 2026060114 is an hour of a day; otherwise seconds since 1970
    day_numbers: bool = False  # 45000.5 is a noon: days as spreadsheets count them


PLAIN = Notation()
"""The notation of a value by itself: read where it has one meaning, refused where it has two."""


class BadValue(ValueError):
    """A value that does not fit its column; the code groups equal reasons."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def locate(self, role: str, column: str | None = None) -> "BadValue":
        """Return the same error with the role that the value has in its row, and the name of its
        column where rows have columns.

        >>> str(BadValue("not_a_number", "'x' is not a number").locate("feature", "size"))
        "feature 'size': 'x' is not a number"
        """
        code = {"target": f"target_{self.code}", "feature": "bad_feature"}.get(role, self.code)
        named = role if column is None else f"{role} '{column}'"
        return BadValue(code, f"{named}: {self.message}")


def show(value: object) -> str:
    """Return a value as a message shows it, shortened.

    >>> show("x" * 50)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
    """
    text = value if isinstance(value, str) else str(value)
    shortened = text if len(text) <= 30 else text[:29] + "…"
    return f"'{shortened}'" if isinstance(value, str) else shortened
