"""Every page, empty and full: it opens, says what there is, and what comes next."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core import text
from core.bootstrap import App
from core.domain.dataset import Issue, Severity
from core.domain.prediction import AnswerSource
from core.errors import Unavailable
from core.monitoring.measure.rollup_updates import measure
from core.registry import RunSummary
from core.store.data import quality, samples
from tests.fakes import make_prediction
from tests.streams import HOUR, NOON, add_predictions, deploy, spread_times

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]

NAMES = ["overview", "data", "training", "experiments", "deployments", "monitoring", "system"]


@pytest.mark.parametrize(
    ("name", "next_step"),
    [
        ("overview", "Import labelled rows"),
        ("data", "Choose a file above"),
        ("training", "import a file first"),
        ("experiments", "train one first"),
        ("deployments", "train one first"),
        ("monitoring", "POST /v1/predict"),
        ("system", "No worker is running"),
    ],
)
def test_a_page_opens_on_an_empty_store_and_says_the_next_step(
    app: App, open_page: OpenPage, read: Read, name: str, next_step: str
) -> None:
    page = open_page(name)
    assert not page.exception
    assert [title.value.lower() for title in page.title] == [name]
    assert page.caption[0].value.endswith(".")
    assert next_step in read(page)


def test_the_monitoring_page_of_nothing_is_unknown_and_says_what_is_missing(
    app: App, open_page: OpenPage, read: Read
) -> None:
    said = read(open_page("monitoring"))
    assert "Unknown]: too little data" in said
    assert "Nothing is deployed.  \n:gray[Next: Train a version and deploy it.]" in said


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_no_missing_value_as_a_number(
    app: App, open_page: OpenPage, read: Read, name: str
) -> None:
    said = read(open_page(name))
    for wrong in ("None", "nan", "NaT", "inf"):
        assert wrong not in said.split()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_on_a_full_store_and_shows_no_marks_of_its_own_markdown(
    full: App, open_page: OpenPage, name: str
) -> None:
    page = open_page(name)
    assert not page.exception
    assert [title.value.lower() for title in page.title] == [name]
    said = "\n".join(str(getattr(node, "proto", "")) for node in [*page.main, *page.sidebar])
    for mark in (r"\*", r"\:material", r"\`", r"\:gray", r"\#"):
        assert mark.replace("\\", "\\\\") not in said


def test_the_sidebar_says_health_version_and_user(full: App, open_page: OpenPage) -> None:
    side = open_page("overview").sidebar
    said = "\n".join(element.value for element in [*side.markdown, *side.caption])
    assert "Unknown" in said
    assert "Serves: **v1**" in said
    assert "ada" in said


def test_the_sidebar_says_when_nobody_watches(app: App, open_page: OpenPage) -> None:
    side = open_page("overview").sidebar
    assert any("no worker runs" in caption.value for caption in side.caption)


def test_slow_answers_are_not_said_to_be_wrong(app: App, open_page: OpenPage, read: Read) -> None:
    deploy(app.db, 1)
    times = spread_times(NOON - HOUR, NOON, 200)
    slow = [
        make_prediction(f"{i:032x}", at=at, version=1, latency_ms=900.0, score=20.0 + i % 50)
        for i, at in enumerate(times)
    ]
    add_predictions(app.db, slow)
    measure(app.db, NOON, scale=app.settings.scale, tolerance=app.settings.tolerance)
    text = read(open_page("monitoring"))
    assert "the service needs attention" in text
    assert "do not rely on the scores" not in text


def test_the_monitoring_page_says_why_no_model_answered(
    full: App, open_page: OpenPage, read: Read
) -> None:
    why = "v1 cannot score this row: 'a_b' is no number"
    rows = [
        make_prediction(
            f"p{i}", at=full.now() - HOUR, source=AnswerSource.FAILED, score=None, reason=why
        )
        for i in range(2)
    ]
    add_predictions(full.db, rows)
    said = read(open_page("monitoring"))
    assert "- 2 failed: v1 cannot score this row: 'a_b' is no number" in said


def test_the_monitoring_page_sets_versions_and_the_heuristic_beside_each_other(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("monitoring")
    (table,) = [table.value for table in page.dataframe if "answered by" in table.value]
    model, heuristic = table.to_dict("records")
    assert model == {
        "answered by": "v1",
        "scores": 90,
        "labels": 72,
        "accuracy (within ±5)": f"100 % ({text.NO_INTERVAL}), constant baseline 55.6 %",
        "MAE": f"2.00 points ({text.NO_INTERVAL}), constant baseline 5.00",
        "RMSE": f"2.00 points ({text.NO_INTERVAL}), constant baseline 5.63",
        "skill": f"60.0 % ({text.NO_INTERVAL})",
    }
    assert (heuristic["answered by"], heuristic["scores"]) == ("heuristic", 10)
    assert heuristic["accuracy (within ±5)"] == "too few labels"


def test_the_overview_counts_every_request_and_says_what_a_figure_rests_on(
    full: App, open_page: OpenPage, read: Read
) -> None:
    said = read(open_page("overview"))
    assert "Requests: 100" in said
    assert "90 model, 10 heuristic, 0 failed, 0 refused, last 24 hours" in said
    assert "Accuracy (within ±5): 100 %" in said
    assert "72 labelled, last 30 days" in said
    assert "MAE: 2.00 points" in said


def test_the_overview_lists_the_first_steps_until_they_are_done(
    app: App, open_page: OpenPage, read: Read
) -> None:
    assert "First steps" in read(open_page("overview"))


def test_the_overview_of_a_running_installation_has_no_first_steps(
    full: App, open_page: OpenPage, read: Read
) -> None:
    said = read(open_page("overview"))
    assert "First steps" not in said
    assert "v1 serves" in said
    assert "by grace. Reason: first model" in said
    assert "p95 latency is 143 ms." in said


def test_the_data_page_keeps_synthetic_rows_apart(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("data")
    said = read(page)
    assert "Rows: 120" in said
    assert "Synthetic: 30" in said
    assert "25.0 % of the rows" in said
    assert said.count("grade gives it away.") == 1, "two columns are one finding"
    sources = next(table.value for table in page.dataframe if "provenance" in table.value)
    assert sources[["source", "provenance", "rows"]].values.tolist() == [
        ["demo", "synthetic", 30],
        ["file:ratings.csv", "real", 90],
    ]


def test_the_data_page_lists_rejected_rows_one_by_one(full: App, open_page: OpenPage) -> None:
    tables = [table.value for table in open_page("data").dataframe if "why" in table.value]
    assert tables[0].values.tolist() == [[17, "the target 'n/a' is not a number"]]


def test_the_data_page_says_how_columns_changed_since_the_last_snapshot(
    full: App, open_page: OpenPage, read: Read
) -> None:
    with full.db.write() as conn:
        newest = quality.find_last_report(conn)
        assert newest is not None
        code_quality, grade = newest.columns
        columns = (replace(code_quality, mean=40.0, n_missing=9), grade, replace(grade, name="age"))
        later = full.now() + timedelta(minutes=1)
        quality.append_report(conn, replace(newest, at=later, columns=columns))
    page = open_page("data")
    assert "Changes are since snapshot 1." in read(page)
    (table,) = [table.value for table in page.dataframe if "change" in table.value]
    assert table[["column", "change"]].values.tolist() == [
        ["code_quality", "mean was 44.5, 0 were missing"],
        ["grade", "the same"],
        ["age", "new"],
    ]


def test_the_data_page_lists_what_the_checks_found_worst_first(
    full: App, open_page: OpenPage
) -> None:
    found = (
        Issue("stale_data", Severity.WARNING, "timestamp", 12, "Old. Import newer rows."),
        Issue("leaky_column", Severity.BLOCKING, "code_quality", 1_200, "They add up: drop one."),
        Issue("leaky_column", Severity.BLOCKING, "a_b", 1_200, "They add up: drop one."),
    )
    with full.db.write() as conn:
        newest = quality.find_last_report(conn)
        assert newest is not None
        later = full.now() + timedelta(minutes=1)
        quality.append_report(conn, replace(newest, at=later, issues=found))
    page = open_page("data")
    (table,) = [table.value for table in page.table if "severity" in table.value]
    assert table.values.tolist() == [
        [
            ":red-badge[:material/block: Blocking]",
            "code_quality, a_b",
            "1,200",
            "They add up: drop one.",
        ],
        [
            ":orange-badge[:material/warning: Warning]",
            "timestamp",
            "12",
            "Old. Import newer rows.",
        ],
    ]
    (columns,) = [table.value for table in page.dataframe if "change" in table.value]
    worst = dict(zip(columns["column"], columns["worst finding"], strict=True))
    assert worst["code_quality"] == "blocking"


def test_the_data_page_says_of_each_import_how_it_ended_before_its_rows(
    full: App, open_page: OpenPage
) -> None:
    with full.db.write() as conn:
        failed = samples.start_collection(conn, "file:b.csv", {}, "ada", full.now())
        samples.fail_collection(conn, failed, "Row 3 has no target.")
    table = next(table.value for table in open_page("data").dataframe if "rejected" in table.value)
    assert list(table)[1:5] == ["source", "outcome", "rows", "rejected"]
    told = table[["source", "outcome", "rejected", "error"]].astype(object)
    assert told.where(told.notna(), None).values.tolist() == [
        ["file:b.csv", "failed", 0, "Row 3 has no target."],
        ["demo", "done", 1, None],
        ["file:ratings.csv", "done", 1, None],
    ]


def test_the_training_page_says_the_verdict_of_the_newest_version_first(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("training")
    newest = read(page)
    assert "No better than always guessing the median" in newest
    assert "Gate refused" in newest
    assert "Trained on synthetic rows" in newest
    assert "on at most 100 rows a fold, evenly taken; the best one learned from all 400." in newest
    assert "MAE: 8.10 points" in newest
    page.selectbox(key="version_of_3").set_value(1).run()
    assert "25 % less error." in read(page)


def test_the_training_page_shows_a_running_job_after_a_reload(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("training")
    assert page.progress[0].value == 45
    assert page.progress[0].text == "45 % · fitting advanced"
    assert "by grace: new rows" in read(page)
    assert "fitting advanced" in page.code[0].value


def test_the_experiments_page_shows_what_differs(full: App, open_page: OpenPage) -> None:
    page = open_page("experiments")
    page.multiselect(key="compare").set_value([2, 1]).run()
    assert page.query_params["compare"] == "2,1"
    table = next(table.value for table in page.dataframe if "parameter" in table.value)
    assert table.values.tolist() == [["recipe", "advanced", "baseline"]]


def test_an_address_shows_the_same_to_everybody(full: App, open_page: OpenPage, read: Read) -> None:
    assert "25 % less error." in read(open_page("training", version="1"))
    assert open_page("experiments", compare="3,1").multiselect(key="compare").value == [3, 1]
    assert open_page("deployments", version="1").selectbox(key="version_of_3").value == 1


@pytest.mark.parametrize("wrong", ["99", "x", "1;DROP", ""])
def test_an_address_that_names_nothing_shows_the_newest(
    full: App, open_page: OpenPage, wrong: str
) -> None:
    page = open_page("training", version=wrong)
    assert not page.exception
    assert page.selectbox(key="version_of_3").value == 3


def test_the_experiments_page_warns_of_nothing_where_the_rows_are_the_same(
    full: App, open_page: OpenPage
) -> None:
    assert not open_page("experiments").warning


def test_the_experiments_page_lists_the_runs_of_tracking(full: App, open_page: OpenPage) -> None:
    run = RunSummary(
        run_id="5f2e" * 8,
        version=2,
        recipe="advanced",
        status="FINISHED",
        started_at=full.now(),
        seconds=4.0,
        passed=True,
        metrics={"mae": 5.0, "skill": 0.25},
        params={},
    )
    full.registry.runs = [run]  # type: ignore[attr-defined]
    page = open_page("experiments")
    table = next(table.value for table in page.dataframe if "run" in table.value)
    row = table.iloc[0]
    assert (row["version"], row["gate"], row["took"]) == ("v2", "passed", "4 seconds")
    assert (row["MAE, points"], row["skill, %"]) == (5.0, 25.0)


def test_the_experiments_page_works_without_tracking(
    full: App, open_page: OpenPage, read: Read
) -> None:
    full.registry.problem = Unavailable("MLflow does not answer.")  # type: ignore[attr-defined]
    page = open_page("experiments")
    assert not page.exception
    assert "MLflow does not answer." in read(page)


def test_the_system_page_says_who_holds_the_lease_and_how_tasks_went(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("system")
    said = read(page)
    assert "Worker: Running" in said
    assert "worker on plum01, process 4121" in said
    assert "3 versions not logged yet" in said
    tasks = next(table.value for table in page.dataframe if "task" in table.value)
    assert tasks[["task", "outcome", "result"]].values.tolist() == [
        ["sync runs", "failed", "MLflow does not answer."],
        ["watch", "ok", "2 minutes counted"],
    ]


def test_the_system_page_hides_secrets(full: App, open_page: OpenPage) -> None:
    settings = next(
        table.value for table in open_page("system").dataframe if "meaning" in table.value
    )
    values = dict(zip(settings["setting"], settings["value"], strict=True))
    assert values["PLUMBLINE_SUPABASE_KEY"] == values["PLUMBLINE_NOTIFY"] == "not set"
    assert values["PLUMBLINE_SCALE"] == "0 to 100"


def test_the_data_page_names_which_enhanced_features_the_rows_allow(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("data")
    (table,) = [table.value for table in page.dataframe if "feature" in table.value]
    assert len(table) == 19
    rows = table.set_index("feature")
    assert rows["state"]["hour"] == "available"
    assert rows["state"]["past_mean_quality"] == "missing"
    assert rows["reason"]["past_mean_quality"].startswith("needs earlier rows of the same provider")
