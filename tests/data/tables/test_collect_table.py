"""Collecting tables of the real Supabase: whole, once, and gone on with where it was cut off."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import stamina

from core.data.context import CollectContext
from core.data.tables.collect_table import WantedTable, collect_table
from core.data.tables.supabase import Project
from core.data.tables.sync_cursor import Request
from core.domain.sample import Sample
from core.domain.source import ORIGIN_TABLES, CollectionOutcome, Source, TableMapping
from core.errors import Cancelled, Conflict
from core.settings import Scale
from core.store.data import samples as sample_rows
from core.store.data import sources
from core.store.engine.database import Database
from tests.streams import stream_samples
from tests.supastack.gateway import Answer, Dropped
from tests.supastack.stack import Stack

pytestmark = pytest.mark.slow

Clock = Callable[[], datetime]
N_KILLS, N_MANY = 5, 100_000
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

MAPPING = TableMapping(
    "ratings", target="stars", target_low=0.0, target_high=5.0, features=("length", "language")
)
RATINGS = """
CREATE TABLE ratings (
    id BIGINT PRIMARY KEY, created_at TIMESTAMPTZ, stars DOUBLE PRECISION,
    length DOUBLE PRECISION, language TEXT, changed_at TIMESTAMPTZ)
"""


def fill(first: int, last: int, start: str = "2026-02-01") -> str:
    """Rows a minute apart, numbered from `first`."""
    return f"""
        INSERT INTO ratings
        SELECT g, TIMESTAMPTZ '{start} 00:00Z' + g * INTERVAL '1 minute', g % 6, g,
               CASE WHEN g % 2 = 0 THEN 'python' END, TIMESTAMPTZ '{start} 00:00Z'
        FROM generate_series({first}, {last}) g
    """


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def ratings(stack: Stack) -> Stack:
    """A project with 2,500 ratings."""
    stack.execute(RATINGS, fill(1, 2500))
    return stack


class Collector:
    """Collects one table of a project into a store."""

    def __init__(self, stack: Stack, db: Database) -> None:
        self.stack, self.db, self.now = stack, db, NOON
        self.key = stack.service_key
        self.said: list[tuple[float, str]] = []

    def __call__(
        self,
        mapping: TableMapping = MAPPING,
        *,
        days: float | None = None,
        limit: int | None = None,
        looked_for: bool = False,
        progress: Callable[[float, str], None] | None = None,
    ) -> Source:
        project = Project(self.stack.url, self.key)
        self.stack.gateway.paths.clear()
        try:
            context = CollectContext(
                self.db,
                Scale(0.0, 100.0),
                by="ada",
                now=lambda: self.now,
                progress=progress or (lambda share, text: self.said.append((share, text))),
            )
            return collect_table(
                context,
                project,
                WantedTable(mapping, looked_for),
                Request(days, limit),
                overlap=timedelta(hours=24),
            )
        finally:
            project.close()

    def samples(self) -> dict[str | None, Sample]:
        """The visible rows by their id; each is there once."""
        with self.db.read() as conn:
            rows = list(stream_samples(conn))
        by_id = {row.external_id: row for row in rows}
        assert len(by_id) == len(rows)
        return by_id

    def ids(self) -> set[int]:
        return {int(external_id or 0) for external_id in self.samples()}


@pytest.fixture
def collect(stack: Stack, db: Database) -> Collector:
    return Collector(stack, db)


def numbers(*ranges: tuple[int, int]) -> set[int]:
    return {n for first, last in ranges for n in range(first, last + 1)}


# --- Whole and once -------------------------------------------------------------------------


def test_every_row_arrives_as_the_mapping_says(ratings: Stack, collect: Collector) -> None:
    source = collect()
    assert source.outcome is CollectionOutcome.COLLECTED
    assert source.message == (
        "2,500 rows read, as many as were counted: 2,500 new or corrected, 0 there already, "
        "0 rejected."
    )
    assert collect.ids() == numbers((1, 2500))
    row = collect.samples()["7"]
    assert row == Sample(
        source="supabase:ratings",
        provenance=row.provenance,
        features={"length": 7.0, "language": None},
        target=20.0,
        at=datetime(2026, 2, 1, 0, 7, tzinfo=UTC),
        external_id="7",
    )
    assert collect.said[-1] == (1.0, "ratings: 2,500 of 2,500 rows")


def test_the_next_collection_reads_an_overlap_and_finds_nothing_new(
    ratings: Stack, collect: Collector
) -> None:
    collect()
    source = collect()
    assert (source.n_received, source.n_new) == (1441, 0)  # a day of rows a minute apart
    assert collect.ids() == numbers((1, 2500))


def test_new_rows_and_late_ones_are_brought(ratings: Stack, collect: Collector) -> None:
    collect()
    ratings.execute(
        fill(2501, 3700),
        "INSERT INTO ratings VALUES (9000, '2026-02-02 00:00:30Z', 1, 1, 'go', NULL)",
    )
    assert collect().n_new == 1201
    assert collect.ids() == numbers((1, 3700), (9000, 9000))


def test_a_corrected_row_takes_over_from_the_one_it_corrects(
    ratings: Stack, collect: Collector
) -> None:
    collect()
    ratings.execute("UPDATE ratings SET stars = 5 WHERE id = 2400")
    assert collect().n_new == 1
    assert collect.samples()["2400"].target == 100.0
    ratings.execute("UPDATE ratings SET stars = 0 WHERE id = 2400")  # as it was
    collect()
    assert collect.samples()["2400"].target == 0.0
    assert collect.ids() == numbers((1, 2500))


def test_a_time_of_change_brings_corrections_however_old(
    ratings: Stack, collect: Collector
) -> None:
    mapping = replace(MAPPING, changed="changed_at")
    collect(mapping)
    ratings.execute("UPDATE ratings SET stars = 5, changed_at = '2026-03-02' WHERE id = 3")
    source = collect(mapping)
    assert source.n_new == 1
    assert collect.samples()["3"].target == 100.0
    assert collect.samples()["3"].at == datetime(2026, 2, 1, 0, 3, tzinfo=UTC)


def test_rows_without_a_time_arrive_too(ratings: Stack, collect: Collector) -> None:
    ratings.execute("UPDATE ratings SET created_at = NULL WHERE id > 1200")
    assert collect().n_new == 2500
    assert collect.samples()["2500"].at is None
    ratings.execute("INSERT INTO ratings VALUES (9000, NULL, 1, 1, 'go', NULL)")
    assert collect().n_new == 1


def test_a_table_without_times_is_read_whole_each_time(ratings: Stack, collect: Collector) -> None:
    timeless = replace(MAPPING, timestamp=None)
    assert collect(timeless).n_new == 2500
    ratings.execute("INSERT INTO ratings VALUES (-4, NULL, 1, 1, 'go', NULL)")
    source = collect(timeless)
    assert (source.n_received, source.n_new) == (2501, 1)


def test_a_row_from_the_future_hides_none_that_come_before_it(
    ratings: Stack, collect: Collector
) -> None:
    ratings.execute("INSERT INTO ratings VALUES (9000, '2031-01-01', 1, 1, 'go', NULL)")
    collect()
    collect.now = NOON + timedelta(hours=6)
    ratings.execute("INSERT INTO ratings VALUES (9001, '2026-03-02 15:00Z', 1, 1, 'go', NULL)")
    assert collect().n_new == 1


def test_rows_that_arrive_while_it_reads_are_not_lost(ratings: Stack, collect: Collector) -> None:
    def write(_path: str, answer: Answer) -> Answer:
        if len(ratings.gateway.paths) == 4:
            ratings.execute(fill(3001, 3500), "DELETE FROM ratings WHERE id IN (1, 2499)")
        return answer

    ratings.gateway.change = write
    assert collect().outcome is CollectionOutcome.COLLECTED
    assert collect().outcome is CollectionOutcome.COLLECTED
    assert collect.ids() >= numbers((2, 2498), (2500, 2500), (3001, 3500))


def test_a_row_that_cannot_be_taken_is_rejected_with_its_id(
    ratings: Stack, collect: Collector
) -> None:
    ratings.execute(
        "UPDATE ratings SET stars = NULL WHERE id = 4", "UPDATE ratings SET stars = 9 WHERE id = 6"
    )
    source = collect()
    assert (source.n_received, source.n_new) == (2500, 2498)
    with collect.db.read() as conn:
        collection = sample_rows.load_collections(conn, 1)[0]
    assert [(r.row, r.message) for r in collection.rejected] == [
        (4, "id 4: target 'stars': is missing, and a row without one cannot be learned"),
        (
            6,
            "id 6: target 'stars': is 9, outside the scale 0 to 5: correct the target's scale in "
            "the mapping",
        ),
    ]


def test_what_is_no_number_in_the_database_is_missing_here(
    ratings: Stack, collect: Collector
) -> None:
    ratings.execute(
        "UPDATE ratings SET length = 'NaN' WHERE id = 4",
        "UPDATE ratings SET length = 'Infinity' WHERE id = 6",
    )
    assert collect().n_new == 2499
    assert collect.samples()["4"].features["length"] is None
    assert "6" not in collect.samples()


def test_another_mapping_reads_everything_again(ratings: Stack, collect: Collector) -> None:
    collect()
    source = collect(replace(MAPPING, features=("length",)))
    assert source.n_received == 2500
    assert source.n_new == 1250  # the others had no language and say the same as before
    assert dict(collect.samples()["2"].features) == {"length": 2.0}
    assert collect.ids() == numbers((1, 2500))


# --- Days and limit -------------------------------------------------------------------------


def test_some_days_are_read_and_the_rest_is_still_to_come(
    ratings: Stack, collect: Collector
) -> None:
    collect.now = datetime(2026, 2, 3, tzinfo=UTC)
    assert collect(days=1).n_new == 2500 - 1439
    assert collect().n_new == 1439
    assert collect.ids() == numbers((1, 2500))


def test_some_days_find_old_corrections_again(ratings: Stack, collect: Collector) -> None:
    collect()
    ratings.execute("UPDATE ratings SET stars = 5 WHERE id = 3")
    assert collect().n_new == 0
    assert collect(days=40).n_new == 1


def test_a_limit_cuts_and_the_next_collection_goes_on(ratings: Stack, collect: Collector) -> None:
    assert collect(limit=700).n_new == 700
    assert collect(limit=700).n_new == 700
    assert collect.ids() == numbers((1, 1400))
    assert collect().n_new == 1100
    assert collect.ids() == numbers((1, 2500))
    ratings.execute("INSERT INTO ratings VALUES (9000, '2026-02-02 17:00:30Z', 1, 1, 'go', NULL)")
    assert collect().n_new == 1


def test_a_limit_that_ends_with_the_table_does_not_hide_late_rows(
    ratings: Stack, collect: Collector
) -> None:
    assert collect(limit=2500).n_new == 2500
    assert collect().message == "Nothing new."
    ratings.execute("INSERT INTO ratings VALUES (9000, '2026-02-02 17:00:30Z', 1, 1, 'go', NULL)")
    assert collect().n_new == 1


# --- Held against what was counted ----------------------------------------------------------


def test_a_row_that_does_not_arrive_fails_with_both_numbers(
    ratings: Stack, collect: Collector
) -> None:
    def lose(_path: str, answer: Answer) -> Answer:
        rows = json.loads(answer.body)
        kept = [row for row in rows if row.get("id") != 1500]
        return replace(answer, body=json.dumps(kept).encode())

    ratings.gateway.change = lose
    source = collect()
    assert source.outcome is CollectionOutcome.FAILED
    assert "counted 2,500 rows of 'ratings' and 2,499 arrived" in (source.message or "")
    assert collect.ids() == set()
    ratings.gateway.change = None
    assert collect().n_new == 2500
    assert collect.ids() == numbers((1, 2500))


def test_a_key_that_repeats_is_refused(ratings: Stack, collect: Collector) -> None:
    source = collect(replace(MAPPING, key="length"), limit=10)
    assert source.outcome is CollectionOutcome.COLLECTED
    ratings.execute("UPDATE ratings SET length = 7 WHERE id BETWEEN 20 AND 25")
    source = collect(replace(MAPPING, key="length", features=("language",)))
    assert source.outcome is CollectionOutcome.FAILED
    assert "'length' of 'ratings' cannot be the key: 6 rows repeat one" in (source.message or "")
    assert collect.ids() == numbers((1, 10))


def test_a_table_of_which_no_row_can_be_taken_is_a_failure(
    ratings: Stack, collect: Collector
) -> None:
    by_length = replace(MAPPING, target="length", features=("language",))
    assert collect(by_length).n_new == 5  # the others are outside of the scale
    source = collect(replace(MAPPING, target="language", features=("length",)))
    assert source.outcome is CollectionOutcome.FAILED
    assert "None of the 2,500 rows of 'ratings' could be taken: id 1: target" in (
        source.message or ""
    )
    assert collect.ids() == numbers((1, 5))


# --- Cut off --------------------------------------------------------------------------------


def test_an_outage_half_way_costs_nothing_that_was_read(ratings: Stack, collect: Collector) -> None:
    def fail_later(path: str, answer: Answer) -> Answer:
        return Answer(503, b"{}") if len(ratings.gateway.paths) > 5 else answer

    ratings.gateway.change = fail_later
    source = collect()
    assert source.outcome is CollectionOutcome.FAILED
    assert "answered 503" in (source.message or "")
    assert source.reading is not None
    assert source.reading.n_received == 2000
    assert collect.ids() == set()
    ratings.gateway.change = None
    source = collect()
    assert source.n_received == source.n_new == 2500
    assert sum("id.gt" in path for path in ratings.gateway.paths) == 2  # the third page and its end
    assert collect.ids() == numbers((1, 2500))
    with collect.db.read() as conn:
        assert len(sample_rows.load_collections(conn, 9)) == 1


def test_cancelling_keeps_what_was_read_for_the_next_time(
    ratings: Stack, collect: Collector
) -> None:
    def cancel(share: float, _text: str) -> None:
        raise Cancelled("Stopped.")

    ratings.execute(fill(2501, 8000))
    with pytest.raises(Cancelled):
        collect(progress=cancel)
    assert collect.ids() == set()
    ratings.gateway.paths.clear()
    assert collect().n_received == 8000
    assert sum("id.gt" in path for path in ratings.gateway.paths) == 4, "3,000 rows and no more"
    assert collect.ids() == numbers((1, 8000))


def test_asking_for_something_else_starts_again(ratings: Stack, collect: Collector) -> None:
    def cancel(share: float, _text: str) -> None:
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        collect(progress=cancel)
    assert collect(days=400).n_new == 2500
    assert collect.ids() == numbers((1, 2500))
    with collect.db.read() as conn:
        second, first = sample_rows.load_collections(conn, 9)
    assert first.finished_at is None
    assert "Something else was asked for" in (first.error or "")
    assert second.error is None


def test_two_that_collect_the_same_table_share_the_work(ratings: Stack, collect: Collector) -> None:
    other = Collector(ratings, collect.db)

    def overtake(share: float, _text: str) -> None:
        assert other().outcome is CollectionOutcome.COLLECTED

    with pytest.raises(Conflict, match="Another process has begun to collect 'supabase:ratings'"):
        collect(progress=overtake)
    assert collect.ids() == numbers((1, 2500))
    with collect.db.read() as conn:
        source = sources.find_source(conn, "supabase:ratings")
    assert source is not None
    assert (source.outcome, source.n_received) == (CollectionOutcome.COLLECTED, 2500)


def test_a_dropped_connection_is_not_seen(ratings: Stack, collect: Collector) -> None:
    ratings.gateway.faults.extend([Dropped(), Dropped()])
    assert collect().n_new == 2500


def test_a_process_that_is_killed_anywhere_loses_and_doubles_nothing(
    ratings: Stack, db: Database, home: Path
) -> None:
    ratings.execute(fill(2501, N_MANY))
    draw = random.Random(5)
    command = [sys.executable, "-m", "tests.data.collect_once", ratings.url, ratings.service_key]
    for _ in range(N_KILLS):
        n_answers, is_time = draw.randrange(2, 30), Event()  # the first three are no pages

        def count(_path: str, answer: Answer, n: int = n_answers, done: Event = is_time) -> Answer:
            if len(ratings.gateway.paths) == n:
                done.set()
            return answer

        ratings.gateway.paths.clear()
        ratings.gateway.change = count
        process = subprocess.Popen([*command, home])
        assert is_time.wait(60)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    ratings.gateway.change = None
    collect = Collector(ratings, db)
    with db.read() as conn:
        (cut_off,) = sources.load_sources(conn)
    assert cut_off.reading is not None
    assert 0 < cut_off.reading.n_received < N_MANY, "the kills came while rows were stored"
    assert collect.ids() == set(), "none of them is visible yet"
    assert collect().outcome is CollectionOutcome.COLLECTED
    assert collect.ids() == numbers((1, N_MANY))


# --- What is not there ----------------------------------------------------------------------


def test_a_table_that_was_asked_for_has_to_be_there(stack: Stack, collect: Collector) -> None:
    source = collect()
    assert source.outcome is CollectionOutcome.FAILED
    assert "no table 'ratings'" in (source.message or "")


def test_rows_that_the_key_may_not_see_are_told_from_no_rows(
    ratings: Stack, collect: Collector
) -> None:
    ratings.execute("ALTER TABLE ratings ENABLE ROW LEVEL SECURITY")
    collect.key = ratings.anon_key
    source = collect()
    assert source.outcome is CollectionOutcome.FAILED
    assert "No rows of 'ratings' are visible to this key" in (source.message or "")


def test_a_column_that_the_table_lacks_is_named_with_those_it_has(
    ratings: Stack, collect: Collector
) -> None:
    source = collect(replace(MAPPING, target="grade"))
    assert source.outcome is CollectionOutcome.FAILED
    assert "no column 'grade' for the target; its columns are 'id', 'created_at'" in (
        source.message or ""
    )


def test_the_tables_of_the_origin_work_as_they_are(stack: Stack, collect: Collector) -> None:
    stack.execute(
        "CREATE TABLE ai_gm_explanations (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), "
        "created_at TIMESTAMPTZ DEFAULT '2026-02-01', quality_score DOUBLE PRECISION, "
        "provider TEXT, model TEXT, action_type TEXT, scenario_id TEXT, metadata JSONB)",
        "INSERT INTO ai_gm_explanations (quality_score, provider, model, scenario_id, metadata) "
        "SELECT g / 1500.0, 'openai', 'm1', 's1', CASE WHEN g % 2 = 0 THEN "
        """jsonb_build_object('codeQuality', g, 'test_coverage', 40, 'else', 'x') END """
        "FROM generate_series(0, 1500) g",
    )
    explanations, feedback, testing = (
        collect(mapping, looked_for=True) for mapping in ORIGIN_TABLES
    )
    assert explanations.n_new == 1501
    assert [feedback.outcome, testing.outcome] == [
        CollectionOutcome.MISSING,
        CollectionOutcome.MISSING,
    ]
    rows = sorted(collect.samples().values(), key=lambda row: row.target)
    assert [rows[0].target, rows[750].target, rows[1500].target] == [0.0, 50.0, 100.0]
    assert dict(rows[750].features) == {
        "provider": "openai",
        "model": "m1",
        "action_type": None,
        "codeQuality": 750.0,
        "testCoverage": 40.0,
    }
    assert set(rows[751].features) == {"provider", "model", "action_type"}
    assert rows[750].group == "s1"


# --- The key --------------------------------------------------------------------------------


def test_the_key_is_not_stored_and_not_logged(
    ratings: Stack, db: Database, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collect = Collector(ratings, db)
    collect()
    collect.key = ratings.anon_key + "x"
    assert collect().outcome is CollectionOutcome.FAILED
    written = b"".join(path.read_bytes() for path in home.iterdir())
    output = capfd.readouterr()
    for key in (ratings.service_key, ratings.anon_key):
        assert key.encode() not in written
        assert key not in output.out + output.err
