"""The verbs about what serves, typed as a person types them."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.bootstrap import App, build_app
from core.cli import releases
from core.cli.main import cli
from core.errors import InvalidInput, OpsError, Refused
from core.store.models import deployments
from core.store.predictions import predictions
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version, make_prediction

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def app(home: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app with v1 to v3 whose verbs meet it instead of the installation."""
    shutil.copy(empty_store, home)
    values = {"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}
    built = build_app(values, lambda: NOON)
    registry = FakeRegistry()
    app = App(built.values, built.settings, built.db, registry, built.now)  # type: ignore[arg-type]
    for _ in range(3):
        add_version(app.db, registry)
    monkeypatch.setattr(releases, "build_app", lambda: app)
    yield app
    app.close()


@pytest.fixture
def run(app: App) -> Run:
    """The JSON that a verb answers; raises what the verb raised."""

    def type_in(*words: str) -> dict[str, Any]:
        result = CliRunner().invoke(cli, [*words, "--json"])
        if result.exception is not None:
            raise result.exception
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    return type_in


def n_rows(app: App) -> int:
    with app.db.read() as conn:
        return len(deployments.load_history(conn))


def test_a_trial_from_its_start_to_its_promotion(run: Run) -> None:
    run("deploy", "v1", "--reason", "first")
    started = run("deploy", "2", "--traffic", "10", "--ab-test", "shorter", "--reason", "to see")
    assert started["action"] == "start_trial"
    assert started["plan"]["challenger"] == "v2"
    assert started["plan"]["traffic"] == 0.1
    assert run("deploy", "--status") == {
        "revision": 2,
        "champion": {
            "version": "v1",
            "since": "2026-03-02T12:00:00Z",
            "by": "ada",
            "reason": "first",
        },
        "challenger": {
            "version": "v2",
            "traffic": 0.1,
            "ab_test": "shorter",
            "n_pairs": 0,
            "verdict": "not_yet",
            "estimate": None,
        },
    }
    again = ("deploy", "2", "--traffic", "50", "--ab-test", "shorter", "--reason", "more")
    assert run(*again)["action"] == "ramp"
    with pytest.raises(Refused, match="not found v2 better"):
        run("promote", "shorter", "--reason", "done")
    promoted = run("promote", "shorter", "--reason", "done", "--override")
    assert promoted["plan"]["champion"] == "v2"
    assert run("deploy", "--status")["challenger"] is None


def test_the_settings_of_a_trial_are_those_of_the_installation_and_of_its_start(run: Run) -> None:
    run("deploy", "v1", "--reason", "first")
    started = run("deploy", "2", "--ab-test", "x", "--no-auto-promote", "--reason", "to see")
    kept = started["evidence"]["trial"]
    assert (kept["margin"], kept["tolerance"], kept["max_latency_ms"]) == (0.3, 5.0, 200.0)
    assert (kept["auto_ramp"], kept["auto_promote"], kept["auto_stop"]) == (True, False, True)


def test_a_trial_without_a_name_is_named_after_its_version(run: Run) -> None:
    run("deploy", "v1", "--reason", "first")
    assert run("deploy", "2", "--traffic", "20", "--reason", "see")["plan"]["ab_test"] == "try-v2"
    assert run("stop", "try-v2", "--reason", "enough")["action"] == "stop_trial"


def test_all_of_the_traffic_without_a_name_is_a_deployment(run: Run) -> None:
    assert run("deploy", "2", "--traffic", "100", "--reason", "first")["action"] == "deploy"


@pytest.mark.parametrize("traffic", ["0", "101", "abc", "NaN", "-5", "15"])
def test_a_share_that_is_none_changes_nothing(app: App, run: Run, traffic: str) -> None:
    run("deploy", "v1", "--reason", "first")
    with pytest.raises(InvalidInput, match="10, 20, 50 or 100 percent"):
        run("deploy", "2", "--traffic", traffic, "--reason", "to see")
    assert n_rows(app) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("deploy", "9", "--traffic", "10", "--reason", "r"),
        ("deploy", "3", "--traffic", "10", "--reason", "r"),
        ("deploy", "2", "--reason", "r"),
        ("promote", "longer", "--reason", "r"),
        ("stop", "longer", "--reason", "r"),
        ("stop", "shorter", "--reason", " "),
    ],
)
def test_what_is_refused_changes_nothing(app: App, run: Run, words: tuple[str, ...]) -> None:
    run("deploy", "v1", "--reason", "first")
    run("deploy", "2", "--traffic", "10", "--ab-test", "shorter", "--reason", "to see")
    with pytest.raises(OpsError):
        run(*words)
    assert n_rows(app) == 2


def test_status_says_in_words_how_the_trial_stands(app: App, run: Run) -> None:
    run("deploy", "v1", "--reason", "first")
    run("deploy", "2", "--traffic", "10", "--ab-test", "shorter", "--reason", "to see")
    said = CliRunner().invoke(cli, ["deploy", "--status"]).stdout
    assert "v2 is on trial as 'shorter' with 10 % of the answers: not yet after 0" in said
    assert "`promote shorter` or `stop shorter`" in said
    assert "v1 serves, v2 on trial with 10 %" in CliRunner().invoke(cli, ["history"]).stdout


def test_a_replay_is_a_job_whose_result_is_kept_and_stands_beside_the_deployment(
    app: App, run: Run
) -> None:
    with app.db.write() as conn:
        predictions.append_predictions(conn, [make_prediction("a"), make_prediction("b")])
    result = run("replay", "v2", "--days", "3")
    assert (result["version"], result["n_requests"], result["days"]) == ("v2", 2, 3.0)
    deployed = run("deploy", "v2", "--reason", "it replayed well")
    assert deployed["evidence"]["replay"]["summary"] == result["summary"]
    said = CliRunner().invoke(cli, ["replay", "v2"]).stdout
    assert said.startswith("v2 replayed on 2 requests of 7 days: no label")


def test_a_replay_without_a_request_is_refused(run: Run) -> None:
    with pytest.raises(Refused, match="nothing to replay"):
        run("replay", "v2")


def test_a_rollback_can_be_rehearsed(app: App, run: Run) -> None:
    run("deploy", "v1", "--reason", "first")
    run("deploy", "v2", "--reason", "second")
    done = run("rollback", "--rehearse")
    assert done["target"] == "v1"
    assert len(done["steps"]) == 5
    assert done["objection"] == ""
    assert n_rows(app) == 2
    said = CliRunner().invoke(cli, ["rollback", "--rehearse"]).stdout
    assert "A rollback would lead to v1" in said
    assert "nothing was changed" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deploy", "v9", "--reason", "r"), "There is no version v9: `versions` lists those"),
        (("deploy", "v2x", "--reason", "r"), "'v2x' is not a version: write v3, 3 or heuristic"),
        (("rollback", "--reason", "r"), "Nothing served before v1: deploy another version"),
        (("rollback", "v3", "--reason", "r"), "Nothing served before v1"),
        (("promote", "x", "--reason", "r"), "No trial runs, so there is no 'x'"),
        (("deploy", "v2", "--reason", " "), "A change of what serves needs a reason"),
        (("replay", "v9"), "There is no version v9"),
        (("replay", "v1", "--days", "NaN"), "days cannot be replayed: give more than 0"),
    ],
)
def test_bad_input_is_refused_with_a_sentence_and_changes_nothing(
    app: App, run: Run, words: tuple[str, ...], said: str
) -> None:
    run("deploy", "v1", "--reason", "first")
    with pytest.raises(OpsError, match=re.escape(said)):
        run(*words)
    assert n_rows(app) == 1


def test_running_without_a_model_is_deployed_and_undone_like_a_version(run: Run) -> None:
    run("deploy", "v1", "--reason", "first")
    assert run("deploy", "heuristic", "--reason", "off")["plan"]["champion"] == "heuristic"
    assert run("deploy", "--status")["champion"]["version"] == "heuristic"
    assert run("rollback", "--reason", "on again")["plan"]["champion"] == "v1"
