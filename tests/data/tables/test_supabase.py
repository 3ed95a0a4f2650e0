"""A Supabase project, the real one: every row is read once, and each failure is a sentence."""

import socket
from collections.abc import Callable, Iterator

import pytest
import stamina

from core.data.tables.supabase import PAGE_ROWS, Project
from core.domain.source import Place, RowRange
from core.errors import InvalidInput, NotFound, OpsError, Refused, Unavailable
from tests.supastack.gateway import HTML, Answer, Dropped, Slow
from tests.supastack.stack import Stack, sign_key

pytestmark = pytest.mark.slow

RATINGS = """
CREATE TABLE ratings (id BIGINT PRIMARY KEY, created_at TIMESTAMPTZ, stars DOUBLE PRECISION);
"""
FILL = """
INSERT INTO ratings SELECT g, TIMESTAMPTZ '2026-01-01 00:00Z' + g * INTERVAL '7 minutes', g % 6
FROM generate_series(1, {}) g
"""
COLUMNS = ("id", "created_at", "stars")
SPAN = RowRange("ratings", "id", "created_at")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Tries again as often as in production, and at once."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def project(stack: Stack) -> Iterator[Project]:
    project = Project(stack.url, stack.service_key)
    yield project
    project.close()


@pytest.fixture
def ratings(stack: Stack) -> Stack:
    """A project with a table of 2,500 ratings, which a select cuts twice."""
    stack.execute(RATINGS, FILL.format(2500))
    return stack


def read_ids(project: Project, span: RowRange = SPAN, after: Place | None = None) -> list[object]:
    columns = (span.key, *((span.order,) if span.order else ()))
    return [row[span.key] for rows, _ in project.read_pages(span, columns, after) for row in rows]


# --- Every row, once ------------------------------------------------------------------------


def test_all_rows_are_read_past_the_silent_cut(ratings: Stack, project: Project) -> None:
    assert read_ids(project) == list(range(1, 2501))


def test_a_table_of_exactly_one_page_is_read_whole(stack: Stack, project: Project) -> None:
    stack.execute(RATINGS, FILL.format(PAGE_ROWS))
    assert read_ids(project) == list(range(1, PAGE_ROWS + 1))


def test_the_database_counts_what_a_span_holds(ratings: Stack, project: Project) -> None:
    extent = project.measure(SPAN)
    assert (extent.n_rows, extent.last_at) == (2500, "2026-01-13T03:40:00+00:00")


def test_rows_of_the_same_time_are_told_apart_by_their_key(stack: Stack, project: Project) -> None:
    stack.execute(RATINGS, FILL.format(2500), "UPDATE ratings SET created_at = '2026-01-01'")
    assert read_ids(project) == list(range(1, 2501))


def test_times_a_microsecond_apart_stay_apart(stack: Stack, project: Project) -> None:
    stack.execute(
        RATINGS,
        "INSERT INTO ratings SELECT g, TIMESTAMPTZ '2026-01-01' + g * INTERVAL '1 microsecond', 1 "
        "FROM generate_series(1, 2500) g",
    )
    assert read_ids(project) == list(range(1, 2501))


def test_keys_of_words_are_read_in_the_order_of_the_database(
    stack: Stack, project: Project
) -> None:
    stack.execute(
        'CREATE TABLE "Weird Names" ("Row, key" TEXT PRIMARY KEY, "At" TIMESTAMPTZ)',
        "INSERT INTO \"Weird Names\" SELECT E'a\"b\\\\c,(' || g || ').ä', '2026-01-01' "
        "FROM generate_series(1, 1500) g",
    )
    ids = read_ids(project, RowRange("Weird Names", "Row, key", "At"))
    assert len(ids) == len(set(ids)) == 1500


def test_a_table_without_times_is_read_by_its_key(ratings: Stack, project: Project) -> None:
    span = RowRange("ratings", "id", None)
    assert project.measure(span).n_rows == 2500
    assert read_ids(project, span) == list(range(1, 2501))


def test_rows_without_a_time_are_a_span_of_their_own(ratings: Stack, project: Project) -> None:
    ratings.execute("UPDATE ratings SET created_at = NULL WHERE id % 2 = 0")
    undated = RowRange("ratings", "id", "created_at", undated=True)
    assert project.measure(SPAN).n_rows == project.measure(undated).n_rows == 1250
    assert read_ids(project, undated) == list(range(2, 2501, 2))
    assert read_ids(project) == list(range(1, 2501, 2))


def test_reading_goes_on_behind_a_place(ratings: Stack, project: Project) -> None:
    pages = project.read_pages(SPAN, COLUMNS)
    _, place = next(pages)
    pages.close()
    assert read_ids(project, after=place) == list(range(1001, 2501))


def test_a_span_from_a_time_to_a_time_includes_both(ratings: Stack, project: Project) -> None:
    span = RowRange(
        "ratings", "id", "created_at", "2026-01-01T00:07:00+00:00", "2026-01-01T00:21:00+00:00"
    )
    assert project.measure(span).n_rows == 3
    assert read_ids(project, span) == [1, 2, 3]


def test_a_span_behind_a_place_is_counted_without_it(ratings: Stack, project: Project) -> None:
    span = RowRange("ratings", "id", "created_at", after=Place("2026-01-01T00:14:00+00:00", 2))
    assert project.measure(span).n_rows == 2498
    assert read_ids(project, span)[:2] == [3, 4]


def test_a_limit_is_kept(ratings: Stack, project: Project) -> None:
    pages = [rows for rows, _ in project.read_pages(SPAN, COLUMNS, limit=1200)]
    assert [len(rows) for rows in pages] == [1000, 200]


def test_rows_that_are_deleted_meanwhile_take_no_other_with_them(
    ratings: Stack, project: Project
) -> None:
    pages = project.read_pages(SPAN, COLUMNS)
    read = [row["id"] for row in next(pages)[0]]
    ratings.execute("DELETE FROM ratings WHERE id <= 500")
    read += [row["id"] for rows, _ in pages for row in rows]
    assert read == list(range(1, 2501))


# --- What may be over a moment later --------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Dropped(), Answer(503, b"{}"), Answer(502, HTML.body, HTML.headers), Answer(429, b"")]
)
def test_a_failure_that_passes_is_not_seen(
    ratings: Stack, project: Project, fault: Answer | Dropped
) -> None:
    ratings.gateway.faults.extend([fault, fault])
    assert project.measure(SPAN).n_rows == 2500


def test_attempts_are_bounded(ratings: Stack, project: Project) -> None:
    ratings.gateway.faults.extend([Answer(503, b'{"message": "resting"}')] * 9)
    with pytest.raises(Unavailable, match=r"answered 503 \(resting\), 3 times: try again later"):
        project.measure(SPAN)
    assert len(ratings.gateway.paths) == 3


def test_an_answer_that_takes_too_long_is_given_up(ratings: Stack) -> None:
    hasty = Project(ratings.url, ratings.service_key, timeout_seconds=0.2)
    ratings.gateway.faults.extend([Slow(0.6)] * 3)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s, 3 times"):
        hasty.measure(SPAN)
    hasty.close()


def test_a_select_that_the_database_stops_says_which_index_helps(
    ratings: Stack, project: Project
) -> None:
    slow = b'{"code": "57014", "message": "canceling statement due to statement timeout"}'
    ratings.gateway.faults.extend([Answer(500, slow)] * 3)
    with pytest.raises(Unavailable, match="statement time-out: add an index"):
        project.measure(SPAN)


# --- Each failure is a sentence -------------------------------------------------------------


def test_a_project_that_nobody_runs_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        project = Project(f"http://127.0.0.1:{unused.getsockname()[1]}", sign_key("anon"))
        with pytest.raises(Unavailable, match=r"cannot be reached .*check PLUMBLINE_SUPABASE_URL"):
            project.load_first("ratings")
        project.close()


@pytest.mark.parametrize("prefix", ["", "the.wrong."])
def test_a_key_of_another_project_is_refused(ratings: Stack, prefix: str) -> None:
    project = Project(ratings.url, prefix + sign_key("service_role", secret="x" * 32))
    with pytest.raises(Refused, match=r"refused the key \(Invalid API key\)"):
        project.load_first("ratings")
    project.close()


def test_a_key_that_has_expired_is_refused(ratings: Stack) -> None:
    expired = sign_key("service_role", expires=1_700_000_001)
    ratings.gateway.keys.add(expired)
    project = Project(ratings.url, expired)
    with pytest.raises(Refused, match=r"refused the key \(JWT expired\)"):
        project.load_first("ratings")
    project.close()


def test_a_table_that_is_not_there_is_named(project: Project) -> None:
    with pytest.raises(NotFound, match=r"no table 'raitings' that this key may see"):
        project.load_first("raitings")


def test_a_missing_table_as_later_servers_say_it(ratings: Stack, project: Project) -> None:
    body = b'{"code": "PGRST205", "message": "Could not find the table"}'
    ratings.gateway.faults.append(Answer(404, body))
    with pytest.raises(NotFound, match="no table 'ratings'"):
        project.load_first("ratings")


def test_a_column_that_is_not_there_is_named(ratings: Stack, project: Project) -> None:
    with pytest.raises(InvalidInput, match=r"lacks a column .*ratings\.starz does not exist"):
        next(project.read_pages(SPAN, ("id", "created_at", "starz")))


def test_a_table_that_the_key_may_not_read_is_named(ratings: Stack) -> None:
    ratings.execute("REVOKE ALL ON ratings FROM anon")
    project = Project(ratings.url, ratings.anon_key)
    with pytest.raises(Refused, match=r"does not let this key read 'ratings'"):
        project.load_first("ratings")
    project.close()


def test_rows_that_a_policy_hides_are_not_there(ratings: Stack) -> None:
    ratings.execute("ALTER TABLE ratings ENABLE ROW LEVEL SECURITY")
    project = Project(ratings.url, ratings.anon_key)
    assert project.load_first("ratings") == []
    assert project.measure(SPAN).n_rows == 0
    project.close()


@pytest.mark.parametrize("page", [HTML, Answer(200, b'"a word"'), Answer(404, b"<html>", ())])
def test_what_is_not_json_rows_is_said_to_be_a_page(
    ratings: Stack, project: Project, page: Answer
) -> None:
    ratings.gateway.faults.append(page)
    with pytest.raises(Unavailable, match="sent a page rather than rows as JSON"):
        project.load_first("ratings")


def test_an_address_without_a_project_is_told(ratings: Stack) -> None:
    project = Project(ratings.url + "/elsewhere", ratings.service_key)
    with pytest.raises(Unavailable, match=r"no Supabase project at http.*/elsewhere"):
        project.load_first("ratings")
    project.close()


def test_a_count_that_is_withheld_is_a_failure(ratings: Stack, project: Project) -> None:
    ratings.gateway.change = lambda _path, answer: Answer(answer.status, answer.body)
    with pytest.raises(Unavailable, match="did not say how many rows"):
        project.measure(SPAN)


def test_a_column_that_is_empty_in_some_rows_cannot_be_the_key(
    stack: Stack, project: Project
) -> None:
    stack.execute(
        "CREATE TABLE notes (id INT, at TIMESTAMPTZ)", "INSERT INTO notes VALUES (NULL, now())"
    )
    with pytest.raises(InvalidInput, match="'id' of 'notes' cannot be the key"):
        read_ids(project, RowRange("notes", "id", "at"))


def test_the_address_may_be_that_of_the_rest_interface(ratings: Stack) -> None:
    project = Project(ratings.url + "/rest/v1/", ratings.service_key)
    assert len(project.load_first("ratings", 3)) == 3
    project.close()


@pytest.mark.parametrize("url", ["", "abc.supabase.co", "ftp://x", "https://", "http://h:99999"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidInput, match="PLUMBLINE_SUPABASE_URL is not an address"):
        Project(url, sign_key("anon"))


@pytest.mark.parametrize("key", ["", " ", "two words", "two\nlines", "schlüssel"])
def test_what_is_no_key_is_refused_at_once(key: str) -> None:
    with pytest.raises(InvalidInput, match="PLUMBLINE_SUPABASE_KEY is not a key") as caught:
        Project("http://127.0.0.1:9", key)
    assert not key.strip() or key not in str(caught.value)


def test_no_sentence_shows_the_key(ratings: Stack, project: Project) -> None:
    echo = f'{{"message": "bad key {ratings.service_key}"}}'.encode()
    faults: list[Callable[[], object]] = []
    for status in (400, 401, 403, 404, 500):
        ratings.gateway.faults.extend([Answer(status, echo)] * (3 if status == 500 else 1))
        faults.append(lambda: project.load_first("ratings"))
    for fault in faults:
        with pytest.raises(OpsError) as caught:
            fault()
        assert ratings.service_key not in str(caught.value)
        assert "bad key ***" in str(caught.value)
