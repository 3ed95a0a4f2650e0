"""All configured tables: which they are, one that fails keeps no other, and nothing is not done."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import stamina

from core.data.collect_all import refuse_failures
from core.data.context import CollectContext
from core.data.quality.overview import describe_data
from core.data.tables import table_mappings
from core.data.tables.supabase import Project
from core.data.tables.sync_cursor import Request
from core.domain.source import CollectionOutcome, MappingChange, Source, TableMapping
from core.errors import InvalidInput, NotFound, Refused, Unavailable
from core.settings import Scale
from core.store.data import samples, sources
from core.store.engine.database import Database
from tests.people import person
from tests.supastack.stack import Stack

Clock = Callable[[], datetime]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SCALE = Scale(0.0, 100.0)
MAPPING = TableMapping("ratings", target="stars", features=("length",))
RATINGS = (
    "CREATE TABLE ratings (id INT PRIMARY KEY, created_at TIMESTAMPTZ, stars FLOAT, length INT)",
    "INSERT INTO ratings SELECT g, '2026-02-01', g, g FROM generate_series(1, 30) g",
)
BROKEN = TableMapping("broken", target="stars", features=("length",))


def make_change(table: str, mapping: dict[str, object] | None) -> MappingChange:
    return MappingChange(table, mapping, NOON, "ada", "why")


# --- Which they are -------------------------------------------------------------------------


def test_the_origins_tables_are_looked_for_and_the_others_asked_for() -> None:
    found = table_mappings.choose_tables([MAPPING], [])
    assert [(wanted.mapping.table, wanted.looked_for) for wanted in found] == [
        ("ai_gm_explanations", True),
        ("ai_gm_quality_feedback", True),
        ("ai_gm_ab_testing", True),
        ("ratings", False),
    ]


def test_an_operators_choice_comes_before_the_settings() -> None:
    changes = [
        make_change("ratings", {"table": "ratings", "target": "grade", "features": ["length"]}),
        make_change("ai_gm_ab_testing", None),
    ]
    found = table_mappings.choose_tables([MAPPING], changes)
    assert [wanted.mapping.target for wanted in found] == [
        "quality_score",
        "quality_rating",
        "grade",
    ]


def test_mappings_are_read_from_the_settings() -> None:
    text = '[{"table": "ratings", "target": "stars", "features": ["length"]}]'
    assert table_mappings.parse_mappings(text) == [MAPPING]
    assert table_mappings.parse_mappings("") == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"table": "ratings"}, "missing required field `target`"),
        ({"table": "ratings", "target": 3}, r"Expected `str`, got `int` - at `\$.target`"),
        ({"table": "t", "target": "y", "colour": 1}, "has no field 'colour': its fields are table"),
    ],
)
def test_a_mapping_that_is_not_one_is_a_sentence(record: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        table_mappings.build_mapping(record)


def test_a_choice_needs_a_reason(db: Database, now: Clock) -> None:
    with pytest.raises(InvalidInput, match="needs a reason"):
        table_mappings.save_mapping(db, MAPPING, by=person("ada"), reason=" ", now=now())
    with pytest.raises(InvalidInput, match="needs a reason"):
        table_mappings.remove_mapping(
            db, "ratings", [MAPPING], by=person("ada"), reason="", now=now()
        )


def test_a_table_that_was_stopped_is_not_collected_and_not_shown(db: Database, now: Clock) -> None:
    with db.write() as conn:
        sources.begin_attempt(conn, MAPPING.source, {}, NOON)
    table_mappings.remove_mapping(
        db, "ratings", [MAPPING], by=person("ada"), reason="not ours", now=now()
    )
    with db.read() as conn:
        changes = sources.load_mappings(conn)
        assert sources.load_sources(conn) == []
    assert "ratings" not in {
        wanted.mapping.table for wanted in table_mappings.choose_tables([MAPPING], changes)
    }
    with pytest.raises(NotFound, match="'ratings' is not collected: the tables that are, are ai"):
        table_mappings.remove_mapping(
            db, "ratings", [MAPPING], by=person("ada"), reason="again", now=now()
        )


@pytest.mark.parametrize(("url", "key"), [("", "k"), ("https://x.supabase.co", "")])
def test_without_a_project_it_says_what_to_set(url: str, key: str) -> None:
    with pytest.raises(InvalidInput, match="set PLUMBLINE_SUPABASE_URL and PLUMBLINE_SUPABASE_KEY"):
        table_mappings.open_project(url, key, 10.0)


# --- With the real project ------------------------------------------------------------------


@pytest.fixture
def project(stack: Stack) -> Iterator[Project]:
    project = Project(stack.url, stack.service_key)
    with stamina.set_testing(True, attempts=3):
        yield project
    project.close()


def collect(db: Database, project: Project, *mappings: TableMapping) -> list[Source]:
    found = table_mappings.collect_tables(
        CollectContext(db, SCALE, "ada", lambda: NOON, lambda share, text: None),
        project,
        mappings,
        Request(),
        overlap=timedelta(hours=24),
    )
    refuse_failures(found)
    return found


@pytest.mark.slow
def test_a_table_that_fails_keeps_no_other_from_being_collected(
    stack: Stack, project: Project, db: Database
) -> None:
    stack.execute(*RATINGS)
    with pytest.raises(Unavailable, match=r"1 of 5 sources failed; .*30 new rows\. .*'broken'"):
        collect(db, project, BROKEN, MAPPING)
    with db.read() as conn:
        assert [counts.n_rows for counts in samples.count_samples(conn)] == [30]


@pytest.mark.slow
def test_a_table_whose_last_attempt_was_cut_off_comes_last(
    stack: Stack, project: Project, db: Database
) -> None:
    stack.execute(*RATINGS, *(text.replace("ratings", "grades") for text in RATINGS))
    grades = TableMapping("grades", target="stars", features=("length",))
    with db.write() as conn:
        sources.begin_attempt(conn, MAPPING.source, {}, NOON)
    found = [source.name for source in collect(db, project, MAPPING, grades)]
    assert found[-2:] == ["supabase:grades", "supabase:ratings"]
    again = [source.name for source in collect(db, project, MAPPING, grades)]
    assert again[-2:] == ["supabase:ratings", "supabase:grades"], "it is not cut off any more"


@pytest.mark.slow
def test_a_configured_table_is_collected_beside_those_that_are_looked_for(
    stack: Stack, project: Project, db: Database
) -> None:
    stack.execute(*RATINGS)
    found = collect(db, project, MAPPING)
    assert [source.outcome for source in found] == [
        CollectionOutcome.MISSING,
        CollectionOutcome.MISSING,
        CollectionOutcome.MISSING,
        CollectionOutcome.COLLECTED,
    ]
    summary = describe_data(db)
    assert summary.n_rows == 30
    assert [source.name for source in summary.sources][-1] == "supabase:ratings"


@pytest.mark.slow
def test_a_mapping_shows_the_first_rows_as_they_would_be_imported(
    stack: Stack, project: Project
) -> None:
    stack.execute(*RATINGS, "UPDATE ratings SET stars = NULL WHERE id = 30")
    trial = table_mappings.try_mapping(project, MAPPING, SCALE)
    assert trial.columns == ("id", "created_at", "stars", "length")
    assert len(trial.samples) + len(trial.rejections) == 20
    assert trial.samples[0].features == {"length": trial.samples[0].target}


@pytest.mark.slow
def test_a_mapping_of_a_table_without_visible_rows_says_so(stack: Stack, project: Project) -> None:
    stack.execute(RATINGS[0])
    with pytest.raises(Refused, match="No rows of 'ratings' are visible to this key"):
        table_mappings.try_mapping(project, MAPPING, SCALE)
