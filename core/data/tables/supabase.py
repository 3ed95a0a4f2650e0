"""A Supabase project: its tables read a page at a time by key, and each failure as a sentence.

A select is cut at 1,000 rows without a word, and rows come and go while it is read; therefore each
page starts behind the last row of the one before, in the order of (time, key), and the number of
rows is asked for separately, so that what was read can be held against it."""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from core.data.tables.prefetch import work_ahead
from core.domain.source import Place, RowRange
from core.errors import InvalidInput, NotFound, OpsError, Refused, Unavailable
from core.safety.masking import Secret, mask

try:
    from postgrest.exceptions import APIError
    from postgrest.types import CountMethod
    from supabase import Client, SupabaseException, create_client
    from supabase.lib.client_options import SyncClientOptions
except ModuleNotFoundError:
    raise InvalidInput(
        "Collecting from Supabase needs its client, which is not installed: `pip install "
        "'plumbline[supabase]'`, or remove PLUMBLINE_SUPABASE_URL."
    ) from None

PAGE_ROWS = 1000
_PAGES_AHEAD = 10
_ATTEMPTS = 3
_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.2, 2.0
_MESSAGE_CHARACTERS = 200

_NO_TABLE = {"42P01", "PGRST205"}
_NO_COLUMN = {"42703", "PGRST204"}
_NOT_ALLOWED = "42501"
_TOO_SLOW = "57014"
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")

Row = Mapping[str, Any]


class _TryAgain(Unavailable):
    """A failure that may pass in a moment."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The number of rows of a span, and the newest time among them as it is written there."""

    n_rows: int
    last_at: str | None


class Project:
    """The tables of one project that a key may read. The constructor sends no request.

    Every method raises `Unavailable` where the project does not answer, `Refused` where it refuses
    the key, `NotFound` where a table does not exist and `InvalidInput` where a column does not, or
    the address or the key cannot be one."""

    def __init__(self, url: str, key: str, timeout_seconds: float = 10.0) -> None:
        self._address = _check_address(url)
        self._key = Secret(_check_key(key))
        self._timeout_seconds = timeout_seconds
        self._status = 0
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout_seconds),
            follow_redirects=False,  # the key is for this address alone
            event_hooks={"response": [self._note_status]},
        )
        try:
            options = SyncClientOptions(
                httpx_client=self._http,
                postgrest_client_retry=False,  # it waits 7 s where nothing listens; we try again
                auto_refresh_token=False,
                persist_session=False,
            )
            self._client: Client = create_client(self._address, self._key.reveal(), options)
        except (SupabaseException, ValueError) as error:
            self._http.close()
            raise InvalidInput(
                f"PLUMBLINE_SUPABASE_URL or PLUMBLINE_SUPABASE_KEY is not one ({self._clean(error)}"
                "): copy both from the project's API settings."
            ) from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def load_first(self, table: str, n_rows: int = 1) -> list[Row]:
        """Return the first rows of a table with all columns; none if the key sees none."""
        query = self._client.table(_check_table(table)).select("*").limit(n_rows)
        return self._ask(query, table)[0]

    def measure(self, span: RowRange) -> Extent:
        """Count the rows of a span now; `upto_written` is not needed yet."""
        column = span.key if span.order is None or span.undated else span.order
        query = self._select(span, [column], CountMethod.exact)
        rows, count = self._ask(query.order(_quote(column), desc=True).limit(1), span.table)
        if count is None:
            raise Unavailable(
                f"Supabase did not say how many rows '{span.table}' has, so that nothing could "
                "show whether all arrive: check what stands between here and the project."
            )
        return Extent(count, rows[0][column] if rows and column == span.order else None)

    def read_pages(
        self,
        span: RowRange,
        columns: Sequence[str],
        after: Place | None = None,
        limit: int | None = None,
    ) -> Generator[tuple[list[Row], Place]]:
        """Yield the rows of a span after `after`, a page at a time with the place of its last row.
        Up to a few pages are requested ahead."""
        return work_ahead(self._read_on(span, columns, after, limit), _PAGES_AHEAD, "supabase")

    def _read_on(
        self, span: RowRange, columns: Sequence[str], after: Place | None, n_left: int | None
    ) -> Generator[tuple[list[Row], Place]]:
        place = after or span.after
        while rows := self._read_page(span, columns, place, n_left):
            place = _find_place(rows[-1], span)
            n_left = None if n_left is None else n_left - len(rows)
            yield rows, place

    def _read_page(
        self, span: RowRange, columns: Sequence[str], after: Place | None, n_left: int | None
    ) -> list[Row]:
        n_rows = PAGE_ROWS if n_left is None else min(n_left, PAGE_ROWS)
        if n_rows <= 0:
            return []
        query = self._select(replace(span, after=after), columns)
        if span.order is not None and not span.undated:
            query = query.order(_quote(span.order))
        return self._ask(query.order(_quote(span.key)).limit(n_rows), span.table)[0]

    def _select(
        self, span: RowRange, columns: Sequence[str], count: CountMethod | None = None
    ) -> Any:  # the client's builders change their type with every step
        table = self._client.table(_check_table(span.table))
        query = table.select(*(_quote(column) for column in columns), count=count)
        if span.order is None or span.undated:
            query = query if span.order is None else query.is_(span.order, None)
            return query if span.after is None else query.gt(span.key, span.after.key)
        query = query.not_.is_(span.order, None)
        if span.from_written is not None:
            query = query.gte(span.order, span.from_written)
        if span.upto_written is not None:
            query = query.lte(span.order, span.upto_written)
        return query if span.after is None else _behind(query, span.order, span.key, span.after)

    def _ask(self, query: Any, table: str) -> tuple[list[Row], int | None]:
        for attempt in stamina.retry_context(
            on=_TryAgain,
            attempts=_ATTEMPTS,
            timeout=None,
            wait_initial=_WAIT_SECONDS,
            wait_max=_LONGEST_WAIT_SECONDS,
        ):
            with attempt:
                return self._ask_once(query, table)
        raise AssertionError("stamina raises the last failure")

    def _ask_once(self, query: Any, table: str) -> tuple[list[Row], int | None]:
        try:
            answer = query.execute()
        except httpx.TimeoutException:
            raise _TryAgain(
                f"Supabase at {self._address} did not answer within {self._timeout_seconds:g} s, "
                f"{_ATTEMPTS} times: check the network, or raise "
                "PLUMBLINE_SUPABASE_TIMEOUT_SECONDS."
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _TryAgain(
                f"Supabase at {self._address} cannot be reached ({self._clean(error)}): check "
                "PLUMBLINE_SUPABASE_URL and the network."
            ) from None
        except APIError as error:
            raise self._explain(error, table) from None
        if not isinstance(answer.data, list):
            raise self._not_json()
        return answer.data, answer.count

    def _explain(self, error: APIError, table: str) -> OpsError:
        code, message = error.code or "", self._clean(error.message or "no reason given")
        if 300 <= self._status < 400:
            return Refused(
                f"What answers at {self._address} sends the request on to another address, which "
                "must not get the key: write the address that the project really has into "
                "PLUMBLINE_SUPABASE_URL."
            )
        if code in _NO_TABLE:
            return NotFound(
                f"Supabase has no table '{table}' that this key may see: check its name, and that "
                "its schema is exposed."
            )
        if code in _NO_COLUMN:
            return InvalidInput(
                f"Table '{table}' lacks a column of its mapping ({message}): correct the mapping."
            )
        if code == _NOT_ALLOWED or self._status == httpx.codes.FORBIDDEN:
            return Refused(
                f"Supabase does not let this key read '{table}' ({message}): grant it, or use the "
                "service_role key."
            )
        if self._status == httpx.codes.UNAUTHORIZED:
            return Refused(
                f"Supabase refused the key ({message}): copy PLUMBLINE_SUPABASE_KEY anew from the "
                "project's API settings."
            )
        if code == _TOO_SLOW:
            return _TryAgain(
                f"Supabase stopped reading '{table}' at its statement time-out: add an index on "
                "the columns of the time and the key, in this order."
            )
        if code == str(self._status) and error.details and self._status < 500:
            return self._not_json()
        if self._status == httpx.codes.TOO_MANY_REQUESTS or self._status >= 500:
            return _TryAgain(
                f"Supabase at {self._address} answered {self._status} ({message}), {_ATTEMPTS} "
                "times: try again later, or look at the project's own status."
            )
        if self._status == httpx.codes.NOT_FOUND:
            return Unavailable(
                f"There is no Supabase project at {self._address} ({message}): check "
                "PLUMBLINE_SUPABASE_URL."
            )
        return InvalidInput(f"Supabase cannot read '{table}' as its mapping says: {message}.")

    def _not_json(self) -> Unavailable:
        return Unavailable(
            f"What answers at {self._address} sent a page rather than rows as JSON: check "
            "PLUMBLINE_SUPABASE_URL and whether a proxy or a login stands before it."
        )

    def _note_status(self, response: httpx.Response) -> None:
        self._status = response.status_code

    def _clean(self, error: object) -> str:
        """Return the message of an error, short, on one line and without secrets."""
        text = " ".join(mask(str(error)).split())
        return text[:_MESSAGE_CHARACTERS].rstrip(".") or type(error).__name__


def _behind(query: Any, order: str, key: str, place: Place) -> Any:
    """Return the query for the rows after a place: the plain bound lets the database use an index,
    the pair is for rows of the same time."""
    at, last = _quote(place.written, always=True), _quote(place.key, always=True)
    name, id_name = _quote(order), _quote(key)
    return query.gte(order, place.written).or_(
        f"{name}.gt.{at},and({name}.eq.{at},{id_name}.gt.{last})"
    )


def _find_place(row: Row, span: RowRange) -> Place:
    key = row[span.key]
    if not isinstance(key, int | str):
        raise InvalidInput(
            f"Column '{span.key}' of '{span.table}' cannot be the key: it is empty in some rows or "
            "holds no id. Choose a column that is different in every row."
        )
    return Place(None if span.order is None or span.undated else row[span.order], key)


def _check_address(url: str) -> str:
    address = url.strip().rstrip("/").removesuffix("/rest/v1")
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise InvalidInput(
            "PLUMBLINE_SUPABASE_URL is not an address: write it as https://PROJECT.supabase.co."
        )
    return address


def _check_key(key: str) -> str:
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput(
            "PLUMBLINE_SUPABASE_KEY is not a key: copy it from the project's API settings, on one "
            "line."
        )
    return key


def _check_table(table: str) -> str:
    if not table or "/" in table or "?" in table:
        raise InvalidInput(f"'{table}' is not a table's name: write it without its schema.")
    return table


def _quote(value: object, *, always: bool = False) -> str:
    """Return a name or a value for a query, in quotes if it could be read as syntax.

    >>> _quote("created_at"), _quote("Created at"), _quote(7, always=True)
    ('created_at', '"Created at"', '"7"')
    """
    text = str(value)
    if not always and _PLAIN_NAME.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
