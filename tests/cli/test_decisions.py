"""The verbs about decisions, typed as a person types them."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.bootstrap import App, build_app
from core.cli import decisions
from core.cli.main import cli
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyKind, RedoAction
from core.domain.prediction import Label
from core.errors import Conflict, InvalidInput, NotFound, OpsError, Refused
from core.store.predictions.decisions import append_decisions
from core.store.predictions.predictions import append_predictions
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version, keep_labels, make_prediction

REDO = [
    "policies",
    "set",
    "redo",
    "--bar",
    "60",
    "--cost-redo",
    "1",
    "--cost-bad",
    "10",
    "--threshold",
    "62",
    "--reason",
    "why",
]
PICK = ["policies", "set", "pick", "--reason", "why"]
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def app(home: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app with v1 whose verbs meet it instead of the installation."""
    shutil.copy(empty_store, home)
    values = {"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}
    built = build_app(values, lambda: NOON)
    add_version(built.db, FakeRegistry())
    monkeypatch.setattr(decisions, "build_app", lambda: built)
    yield built
    built.close()


@pytest.fixture
def run(app: App) -> Run:
    assert app

    def do(*words: str) -> dict[str, Any]:
        answer = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
        found: dict[str, Any] = json.loads(answer.stdout)
        return found

    return do


def say(*words: str) -> str:
    return CliRunner().invoke(cli, list(words), catch_exceptions=False).stdout


def decide(app: App, n: int, *, redone: int) -> None:
    """Log so many redo decisions an hour ago, the first so many of which are redone, all others
    with a label; half of what is under 62 was let through."""
    at = NOON - timedelta(hours=1)
    rows = [make_prediction(f"a{i}", score=50.0 if i < 2 * redone else 80.0) for i in range(n)]
    made = [
        LoggedDecision(
            id=f"d{i}",
            at=at,
            kind=PolicyKind.REDO,
            policy_id=1,
            group_id=None,
            unit_id=None,
            attempt=1,
            action=RedoAction.REDO if i < redone else RedoAction.ACCEPT,
            prediction_id=f"a{i}",
            probability=0.5 if i < 2 * redone else 1.0,
            explored=redone <= i < 2 * redone,
            p_bad=0.5,
            threshold=62.0,
            n_candidates=1,
        )
        for i in range(n)
    ]
    with app.db.write() as conn:
        append_predictions(conn, rows)
        append_decisions(conn, made)
        keep_labels(
            conn,
            [
                Label(f"a{i}", 40.0 if i < 2 * redone else 80.0, at, "ann", at)
                for i in range(redone, n)
            ],
        )


def test_without_a_policy_the_next_step_is_said(run: Run) -> None:
    assert run("policies") == {"in_force": {}, "policies": []}
    assert "policies set pick" in say("policies")


def test_a_policy_is_set_listed_replaced_used_again_and_rolled_back(run: Run) -> None:
    assert run(*REDO)["policy"] == "p1"
    assert run(*PICK, "--explore", "0.1")["exploration"] == 0.1
    assert run(*REDO)["policy"] == "p3"
    assert run("policies")["in_force"] == {"redo": "p3", "pick": "p2"}
    assert run("policies", "use", "p1", "--reason", "better")["policy"] == "p1"
    assert run("policies", "rollback", "redo", "--reason", "no")["policy"] == "p3"
    listed = say("policies")
    assert "in force  p3 redo" in listed
    assert "redoes scores under 62, bad is under 60" in listed


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (REDO[:-2], InvalidInput, "needs a reason"),
        ([*REDO, "--promise", "0.02"], InvalidInput, "one of them"),
        (
            ["policies", "set", "redo", "--bar", "60", "--reason", "x"],
            InvalidInput,
            "needs its costs",
        ),
        (["policies", "use", "p9", "--reason", "x"], NotFound, "no policy p9"),
        (["policies", "rollback", "pick", "--reason", "x"], Conflict, "No other pick policy"),
        (["policies", "rehearse", "best"], InvalidInput, "is no policy"),
        (["policies", "rehearse", "p9"], NotFound, "no policy p9"),
    ],
)
@pytest.mark.usefixtures("app")
def test_what_cannot_be_done_is_said_in_a_sentence(
    words: list[str], error: type[OpsError], said: str
) -> None:
    with pytest.raises(error, match=said):
        CliRunner().invoke(cli, words, catch_exceptions=False)


def test_a_rehearsal_says_what_a_policy_would_have_done(app: App, run: Run) -> None:
    run(*REDO)
    with pytest.raises(Refused, match="Nothing was decided by a redo policy in the last 30 days"):
        run("policies", "rehearse", "p1")
    decide(app, 100, redone=20)
    run(*REDO[:-4], "--threshold", "45", "--reason", "cheaper")
    found = run("policies", "rehearse", "p2")
    assert (found["n_decisions"], found["n_labels"], found["unknown"]) == (100, 80, "")
    assert found["redo_share"]["value"] == 0.0
    assert found["bad_shown"]["value"] == pytest.approx(0.4)
    assert found["value"]["value"] == pytest.approx(-4.0)
    assert "bad of what is accepted: 40.0%" in say("policies", "rehearse", "p2")
    with pytest.raises(InvalidInput, match="0 days are none"):
        run("policies", "rehearse", "p1", "--days", "0")


def test_decisions_are_listed_with_their_probabilities(app: App, run: Run) -> None:
    assert say("decisions") == "Nothing was decided yet.\n"
    decide(app, 3, redone=1)
    found = run("decisions")["decisions"]
    assert [(one["id"], one["policy"], one["probability"]) for one in found] == [
        ("d2", "p1", 1.0),
        ("d1", "p1", 0.5),
        ("d0", "p1", 0.5),
    ]
    assert "accept by p1 with probability 0.5, by chance" in say("decisions")
    assert run("decisions", "--kind", "pick") == {"decisions": []}
