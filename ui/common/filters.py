"""Filters of a page, kept in its address so that links keep them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ui import st


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A length of time that ends now."""

    code: str
    words: str  # as each figure shows it
    length: timedelta

    def start(self, now: datetime) -> datetime:
        """Return the start of the window."""
        return now - self.length


WINDOWS = (
    TimeWindow("1h", "last hour", timedelta(hours=1)),
    TimeWindow("24h", "last 24 hours", timedelta(hours=24)),
    TimeWindow("7d", "last 7 days", timedelta(days=7)),
    TimeWindow("30d", "last 30 days", timedelta(days=30)),
)
DAY, MONTH = WINDOWS[1], WINDOWS[3]

_BY_CODE = {window.code: window for window in WINDOWS}


def pick_window() -> TimeWindow:
    """Return the window of a page's figures: the last 24 hours, unless the address says
    otherwise."""
    code = st.segmented_control(
        "Window",
        list(_BY_CODE),
        default=DAY.code,
        required=True,
        key="window",
        bind="query-params",  # which writes the options as they are shown
    )
    return _BY_CODE[code or DAY.code]


def get_id(name: str) -> int | None:
    """Return a whole number from the address, such as the job in `?job=12`; None without one."""
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def set_id(name: str, value: int | None) -> None:
    """Put a number into the address, so that a reload and a link show the same; None removes it."""
    if value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != str(value):
        st.query_params[name] = str(value)


def get_ids(name: str) -> list[int]:
    """Return whole numbers from the address, such as the versions in `?compare=3,1`."""
    parts = st.query_params.get(name, "").split(",")
    return [int(part) for part in parts if part.isascii() and part.isdigit()]


def set_ids(name: str, values: Sequence[int]) -> None:
    """Put numbers into the address."""
    text = ",".join(map(str, values))
    if st.query_params.get(name) != text:
        st.query_params[name] = text
