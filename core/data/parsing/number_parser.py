"""Numbers as people write them: with units, thousands separators and decimal commas; pure."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.data.parsing.notation import MISSING_WORDS, PLAIN, BadValue, Notation, show

_LONGEST = 60
_SPACES = " \u00a0\u202f\u2009\u2007"  # plain, no-break, narrow no-break, thin, figure
_CURRENCY = (
    r"(?:US|CA|AU|NZ|HK|[ACRS])?\$|[€£¥₹₩₽₺₪₫฿₴₦₱₡₲₵₸]|kr\.?|zł|Kč|Fr\.|"
    r"AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|TRY|USD|ZAR"
)
_WRITTEN = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+])?(?P<before>%|{_CURRENCY})?(?P<late_sign>[-+])?"
    rf"(?P<body>[.,]?\d(?:[\d.,'’{_SPACES}]*\d)?)(?P<power>[eE][-+]?\d+)?"
    rf"(?P<after>%|{_CURRENCY})?(?P<close>\))?"
)
_BESIDE = re.compile(rf"(?<![\d{_SPACES}])[{_SPACES}]+|[{_SPACES}]+(?!\d)")
_GROUPED = re.compile(
    rf"[1-9]\d{{0,2}}(?:(?P<by>[.,'’{_SPACES}])\d{{3}})(?:(?P=by)\d{{3}})*"
    r"|[1-9]\d?(?:,\d\d)+,\d{3}"  # 12,34,567 of India
)


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """The parts of a number in writing."""

    body: str  # digits and separators
    unit: str  # "%", a currency, or empty
    negative: bool
    power: str

    def read(self, decimal: str) -> float | None:
        """Return the number where `decimal` separates the decimals; None if it cannot be one."""
        whole, found, fraction = self.body.rpartition(decimal)
        if not found:
            whole, fraction = self.body, ""
        if fraction and not fraction.isdigit():
            return None
        if whole and not whole.isdigit():
            grouped = _GROUPED.fullmatch(whole)
            if grouped is None or decimal in whole:
                return None
            whole = "".join(filter(str.isdigit, whole))
        number = float(f"{whole or '0'}.{fraction or '0'}{self.power}")
        return -number if self.negative else number

    @property
    def readings(self) -> dict[str, float]:
        """Return the number for each decimal separator with which it is one."""
        read = {decimal: self.read(decimal) for decimal in ".,"}
        return {decimal: number for decimal, number in read.items() if number is not None}


def split_number(text: str) -> WrittenNumber | None:
    """Return the parts of a number with a unit or separators; None for any other text.

    >>> split_number("-$1,166.38").readings, split_number("(5 %)").unit
    ({'.': -1166.38}, '%')
    >>> split_number("1,234").readings, split_number("1.2.3"), split_number("12 apples")
    ({'.': 1234.0, ',': 1.234}, None, None)
    """
    if len(text) > _LONGEST or not any(map(str.isdecimal, text)):
        return None
    found = _WRITTEN.fullmatch(_BESIDE.sub("", text.replace("−", "-")))
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    if (found["sign"] and (found["late_sign"] or found["open"])) or (
        found["before"] and found["after"]
    ):
        return None
    negative = bool(found["open"]) or "-" in (found["sign"], found["late_sign"])
    unit = found["before"] or found["after"] or ""
    number = WrittenNumber(found["body"], unit, negative, found["power"] or "")
    return number if number.readings else None


class NumberForm:
    """Learns how a column writes its numbers, from all of its texts, in constant memory.

    >>> form = NumberForm()
    >>> form.add("$1,166.38", 1)
    >>> form.decimal
    '.'
    """

    def __init__(self) -> None:
        self._says: Counter[str] = Counter()  # numbers with one decimal separator only, by it
        self._doubtful: Counter[str] = Counter()  # numbers with either, by the one they have
        self._units: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._n_written = 0
        self._ends_in_zero = self._has_small = self._has_large = False

    def add_plain(
        self, values: Sequence[object], numbers: Sequence[float | None], n: int = 1
    ) -> None:
        """Read values that Python reads as these numbers, each there `n` times."""
        present = [number for number in numbers if number]
        self._units[""] += n * len(present)
        if not present:
            return
        largest = max(max(present), -min(present))
        self._has_large |= largest >= 1000
        self._has_small |= any(abs(number) < 1000 for number in present[:100])
        first = next(str(value) for value, number in zip(values, numbers, strict=True) if number)
        self._examples.setdefault("", first)
        for value in values:
            if type(value) is str and "." in value:
                if not _may_be_thousands(value):
                    self._says["."] += n * len(present)  # all of them are plain
                    self._examples.setdefault(".", value)
                    return
                self._doubtful["."] += n

    def add(self, text: str, n: int) -> None:
        """Read a text that `split_number` takes, there `n` times."""
        written = split_number(text.strip())
        if written is None:
            return
        self._n_written += n
        self._units[written.unit] += n
        self._examples.setdefault(written.unit, text)
        self._learn_separator(written, text, n)

    def _learn_separator(self, written: WrittenNumber, text: str, n: int) -> bool:
        """Return whether a number says which separator its column's decimals have."""
        readings = written.readings
        if len(readings) == 1 and not written.body.isdigit():
            (decimal,) = readings
            self._says[decimal] += n
            self._examples.setdefault(decimal, text)
            return True
        if len(set(readings.values())) > 1:
            by = "," if "," in written.body else "."
            self._doubtful[by] += n
            self._examples.setdefault(f"doubtful {by}", text)
            self._ends_in_zero |= by == "," and written.body.endswith("0")
        return False

    @property
    def decimal(self) -> str | None:
        """Return the decimal separator that the column itself shows, else None.

        A value that ends in 0 after its comma, beside whole numbers below 1,000 and none above,
        can only have thousands: decimals of a fixed number would stand behind all."""
        chosen = self._choose(self._says["."], self._says[","])
        if chosen is not None:
            return "." if chosen else ","
        grouped = self._ends_in_zero and self._has_small and not self._has_large
        return "." if grouped and not self._says else None

    def choose(self, others: str | None) -> Notation:
        """Return how the column's numbers are written; `others` is the decimal separator that the
        rest of the file shows, for a column that does not say it itself. An amount of money has no
        three decimals."""
        decimal = self.decimal
        if decimal is None and not self._says:
            decimal = others or ("." if self._currencies and self._doubtful[","] else None)
        if not self._n_written and (decimal != "," or not self._doubtful["."]):
            return PLAIN
        n_percent = self._units["%"]
        return Notation(
            decimal_comma=None if decimal is None else decimal == ",",
            percent=self._choose(n_percent, self._n - n_percent) if n_percent else None,
        )

    def explain(self, notation: Notation) -> str | None:
        """Return why the numbers cannot be read although each looks like one; None if they can."""
        example = self._examples.get
        if all(self._says[decimal] > self._few for decimal in ".,"):
            return (
                f"has numbers with a decimal comma ({show(example(','))}) and with a decimal point "
                f"({show(example('.'))}): write all of them with a point"
            )
        if self._units["%"] and notation.percent is None:
            plain = next(example(unit) for unit in self._units if unit != "%")
            return (
                f"has percentages ({show(example('%'))}) and numbers without a percent sign "
                f"({show(plain)}): write all of them one way"
            )
        if len(self._currencies) > 1:
            shown = " and ".join(show(example(unit)) for unit in self._currencies[:2])
            return f"has amounts in several currencies ({shown}): convert them to one"
        if notation.decimal_comma is None and self._doubtful[","] > self._few:
            return (
                f"has numbers with a comma that may separate thousands or decimals "
                f"({show(example('doubtful ,'))}): write them without a thousands separator and "
                "with a decimal point, as in 1234 or 1.234"
            )
        return None

    @property
    def example(self) -> str | None:
        """Return a number with a unit or separators, None without one."""
        return next((text for unit, text in self._examples.items() if unit), None)

    @property
    def _currencies(self) -> list[str]:
        return [unit for unit in self._units if unit not in ("", "%")]

    @property
    def _n(self) -> int:
        return self._units.total()

    @property
    def _few(self) -> int:
        """Return the number of values up to which they count as mistakes among the others."""
        return self._n // 20

    def _choose(self, n_one: int, n_other: int) -> bool | None:
        """Return True if nearly all values are of one kind, False of the other, else None."""
        if n_one and n_other <= self._few:
            return True
        return False if n_other and n_one <= self._few else None


def _may_be_thousands(text: str) -> bool:
    """Return whether the point of a plain number may separate thousands, as in 1.234."""
    whole, _, fraction = text.strip().lstrip("+-").partition(".")
    digits = len(fraction) == 3 and fraction.isdigit() and whole.isdigit()
    return digits and len(whole) <= 3 and whole[0] != "0"


def read_number_text(text: str, notation: Notation) -> float | None:
    """Return the number that a stripped text writes, maybe infinite; None if it is missing. Raises
    `BadValue` if it is none, may be two, or is not written as its column is."""
    if not text or text.lower() in MISSING_WORDS:
        return None
    if notation.decimal_comma is not True and not notation.percent and is_number(text):
        return float(text)
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    written = split_number(text)
    if written is None:
        if is_number(text):  # infinite, or an exponent beyond the written ones
            return float(text)
        raise BadValue("not_a_number", f"{show(text)} is not a number")
    number = _read_written(written, text, notation)
    if notation.percent is not None and number and notation.percent != (written.unit == "%"):
        raise BadValue(
            "mixed_percent",
            f"{show(text)} has {'no' if notation.percent else 'a'} percent sign, unlike the other "
            "values of its column",
        )
    return number


def _read_written(written: WrittenNumber, text: str, notation: Notation) -> float:
    readings = written.readings
    if notation.decimal_comma is None:
        if len(set(readings.values())) == 1:
            return next(iter(readings.values()))
        if "." in written.body:
            return readings["."]
        raise BadValue(
            "ambiguous_number",
            f"{show(text)} may have thousands or decimals behind its comma: write 1234 or 1.234",
        )
    number = readings.get("," if notation.decimal_comma else ".")
    if number is None:
        sign = "comma" if notation.decimal_comma else "point"
        raise BadValue(
            "other_decimal", f"{show(text)} is no number where decimals have a {sign}, as here"
        )
    return number


def is_number(text: str) -> bool:
    """Return whether Python reads a text as a number, as nearly every file writes one.

    >>> is_number("1e3"), is_number("1_000"), is_number("1,5")
    (True, False, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # nobody's file means it


def to_finite(value: int | float | Decimal) -> float | None:
    """Return a number as a float, None if it is NaN. Raises `BadValue` if it is infinite."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise BadValue("infinite", "is infinite: leave the value empty where it is unknown")
    return number
