"""`collect` and `collect supabase`, against a real project."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from core import log
from core.cli.main import cli
from core.errors import Incomplete
from tests.supastack.stack import Stack

pytestmark = pytest.mark.slow

EXPLANATIONS = """
CREATE TABLE ai_gm_explanations (
    id BIGINT PRIMARY KEY, created_at TIMESTAMPTZ, quality_score FLOAT, provider TEXT, model TEXT,
    action_type TEXT, scenario_id TEXT, metadata JSONB)
"""
FILL = """
INSERT INTO ai_gm_explanations
SELECT g, now() - g * INTERVAL '1 hour', (g % 100) / 100.0, 'openai', 'm' || g % 3, 'write', 's',
       jsonb_build_object('codeQuality', g % 90)
FROM generate_series(1, 1200) g
"""


@pytest.fixture
def run(stack: Stack, home: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.chdir(home)
    monkeypatch.setenv("PLUMBLINE_HOME", str(home))
    monkeypatch.setenv("PLUMBLINE_SUPABASE_URL", stack.url)
    monkeypatch.setenv("PLUMBLINE_SUPABASE_KEY", stack.service_key)
    log.configure()

    def run_(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return run_


def test_collecting_again_brings_what_is_new(stack: Stack, run) -> None:  # type: ignore[no-untyped-def]
    stack.execute(EXPLANATIONS, FILL)
    answer = json.loads(run("collect", "supabase", "--json").stdout)
    assert (answer["n_received"], answer["n_new"]) == (1200, 1200)
    assert [source["outcome"] for source in answer["sources"]] == [
        "collected",
        "missing",
        "missing",
    ]
    again = json.loads(run("collect", "--json").stdout)
    assert again["n_new"] == 0
    data = json.loads(run("data", "--json").stdout)
    assert data["by_source"] == {"supabase:ai_gm_explanations": 1200}
    assert data["sources"][2]["watermark_at"] is None  # the table that is not there
    status = json.loads(run("status", "--json").stdout)
    assert [source["name"] for source in status["sources"]] == [s["name"] for s in data["sources"]]


def test_days_and_limit_bound_what_is_read(stack: Stack, run) -> None:  # type: ignore[no-untyped-def]
    stack.execute(EXPLANATIONS, FILL)
    answer = json.loads(run("collect", "supabase", "--days", "2", "--json").stdout)
    assert answer["n_new"] == 47
    answer = json.loads(run("collect", "supabase", "--limit", "100", "--json").stdout)
    assert answer["n_received"] == 100


def test_a_person_reads_what_came_of_each_table(stack: Stack, run) -> None:  # type: ignore[no-untyped-def]
    stack.execute(EXPLANATIONS, FILL)
    said = run("collect", "supabase").stdout
    assert (
        "supabase:ai_gm_explanations: 1,200 rows read, as many as were counted: 1,200 new" in said
    )
    assert "Supabase has no table 'ai_gm_ab_testing' that this key may see" in said


def test_a_project_without_any_of_the_tables_fails_with_what_to_do(stack: Stack, run) -> None:  # type: ignore[no-untyped-def]
    result = run("collect", "supabase")
    assert isinstance(result.exception, Incomplete)
    assert "map the table that holds your ratings" in str(result.exception)


def test_the_key_is_in_no_answer(stack: Stack, run) -> None:  # type: ignore[no-untyped-def]
    stack.execute(EXPLANATIONS, FILL)
    for arguments in (["collect", "--json"], ["settings", "--json"], ["jobs", "--json"]):
        assert stack.service_key not in run(*arguments).output
