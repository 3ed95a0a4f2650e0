"""The system page says how the API's workers are, and never shows what nobody knows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.bootstrap import App
from core.domain.installation import ApiWorker, StageTime
from core.store.installation import api_workers

OpenPage = Callable[[str], Any]
Read = Callable[[Any], str]


def say(app: App, *said: ApiWorker) -> None:
    with app.db.write() as conn:
        for worker in said:
            api_workers.save_worker(conn, worker)


def make_worker(app: App, name: str = "plum01:7", **changes: object) -> ApiWorker:
    now = app.now()
    worker = ApiWorker(
        name=name,
        started_at=now - timedelta(hours=2),
        at=now - timedelta(seconds=30),
        version="v3",
        n_requests=12_800,
        measured_at=now - timedelta(minutes=1),
        stages={"parse": StageTime(200, 0.05, 0.1), "log": StageTime(200, 0.3, 1.0)},
        cache_asked=12_800,
        cache_found=3_200,
        scorer="compiled",
        scorer_reason=None,
        n_waiting=0,
    )
    return replace(worker, **changes)  # type: ignore[arg-type]


def test_workers_show_their_stages_and_the_share_of_the_cache(
    full: App, open_page: OpenPage, read: Read
) -> None:
    slow = make_worker(
        full, "plum01:8", stages={"log": StageTime(600, 0.7, 4.0)}, cache_found=0, cache_asked=0
    )
    say(full, make_worker(full), slow)
    page = open_page("system")
    said = read(page)
    assert "API workers: 2" in said
    assert "Single-row requests: 25,600" in said
    assert "Cache hits: 25.0 %" in said
    assert "Scorer of v3: Compiled" in said
    stages = next(table.value for table in page.dataframe if "stage" in table.value)
    assert stages[["stage", "mean (ms)", "p95 (ms)", "requests"]].values.tolist() == [
        ["parse", 0.05, 0.1, 200],
        ["log", 0.6, 4.0, 800],
    ]


def test_a_version_that_its_pipeline_serves_says_why(
    full: App, open_page: OpenPage, read: Read
) -> None:
    why = "its step 'x' has no row scorer"
    say(full, make_worker(full, scorer="pipeline", scorer_reason=why))
    said = read(open_page("system"))
    assert "Scorer of v3: Pipeline" in said
    assert f"because {why}" in said


def test_where_no_model_answers_none_is_said_to_be_compiled(
    full: App, open_page: OpenPage, read: Read
) -> None:
    why = "No version is deployed"
    say(full, make_worker(full, version="heuristic", scorer="heuristic", scorer_reason=why))
    said = read(open_page("system"))
    assert "Scorer of heuristic: Heuristic" in said
    assert "because no version is deployed" in said
    assert "Compiled" not in said


def test_without_a_word_from_a_worker_there_is_no_figure(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("system")
    assert "No API worker has reported in the last day" in read(page)
    assert not any("stage" in table.value for table in page.dataframe)


def test_silent_workers_are_named_and_their_figures_are_not_shown(
    full: App, open_page: OpenPage, read: Read
) -> None:
    say(full, make_worker(full, at=full.now() - timedelta(hours=2)))
    page = open_page("system")
    said = read(page)
    assert "reported for 3 minutes; the last was plum01:7, 2 hours ago" in said
    assert "Single-row requests" not in said
    assert not any("stage" in table.value for table in page.dataframe)


def test_a_worker_that_was_asked_nothing_has_no_stages(
    full: App, open_page: OpenPage, read: Read
) -> None:
    quiet = make_worker(
        full, n_requests=0, stages={}, measured_at=None, cache_asked=0, cache_found=0
    )
    say(full, quiet)
    said = read(open_page("system"))
    assert "Cache hits: –" in said
    assert "No single-row request measured yet" in said
