"""What a raw feature value means, in a database as in a frame: a number, a name, or nothing."""

import math

NAN = float("nan")


def read_number(value: object) -> float:
    """The number that a value is or writes; nan where it is missing, infinite or no number.

    True is 1 and False 0; a text counts where Python reads it as a finite number.

    >>> read_number(3), read_number(" 2.5 "), read_number(True), read_number("1e3")
    (3.0, 2.5, 1.0, 1000.0)
    >>> [read_number(value) for value in (None, "", "high", "nan", float("inf"), [1])]
    [nan, nan, nan, nan, nan, nan]
    """
    if isinstance(value, float | int | str):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return NAN
        return number if math.isfinite(number) else NAN
    return NAN


def read_level(value: object) -> str | None:
    """The category that a value names, or None where it is missing.

    Numbers, and texts that write one, name the same level however they are written.

    >>> read_level(" red "), read_level(1), read_level("1.0"), read_level(True), read_level(0.5)
    ('red', '1', '1', '1', '0.5')
    >>> read_level(None), read_level(" "), read_level(float("nan")), read_level([1])
    (None, None, None, None)
    """
    number = read_number(value)
    if not math.isnan(number):
        return f"{number:.15g}"
    return value.strip() or None if isinstance(value, str) else None
