"""The deployments page while a trial runs: what it says, and each way to end it."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.deployment import release
from core.deployment.trials import TrialStart, describe_trial, start_trial
from core.domain.deployment import Action, Deployment, Plan
from core.domain.prediction import Label
from core.domain.trial import ShadowOutcome, ShadowScore, TrialSettings
from core.store.models import deployments, trials
from core.store.predictions import predictions
from tests.fakes import keep_labels, make_prediction
from tests.pages.conftest import Tracking
from tests.people import person

OpenPage = Callable[[str], AppTest]
Read = Callable[[AppTest], str]


@pytest.fixture(autouse=True)
def loadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions of these tests have no artifacts."""
    monkeypatch.setattr(release, "verify_version", lambda *_: None)
    monkeypatch.setattr("core.deployment.trials.verify_version", lambda *_: None)
    artifact = SimpleNamespace(card=None, verify_golden=lambda: None)
    monkeypatch.setattr(Tracking, "load_artifact", lambda *_: artifact)
    for module in ("release", "trials"):
        monkeypatch.setattr(f"core.deployment.{module}.find_objection", lambda *_, **__: "")


@pytest.fixture
def on_trial(full: App) -> App:
    """v2 on trial beside v1, without a request yet."""
    start_trial(
        full.db,
        full.registry,
        TrialStart(2, name="shorter", traffic=0.1, settings=TrialSettings(t_star=200), salt="salt"),
        reason="to see",
        by=person("grace"),
        override=False,
        now=full.now() - timedelta(days=2),
    )
    return full


def last(app: App) -> Deployment:
    with app.db.read() as conn:
        return deployments.load_history(conn)[-1]


def add_pairs(app: App, n: int, gain: float) -> None:
    """Labelled requests that v1 answered and v2 would have missed by `gain` less."""
    at, own = app.now() - timedelta(days=1), np.random.default_rng(1).normal(0, 1, n)
    revision = last(app).revision
    with app.db.write() as conn:
        for i in range(n):
            kept = make_prediction(f"t{i}", at=at, version=1, score=60.0, revision=revision)
            score = float(60 - gain + own[i])
            predictions.append_predictions(conn, [kept])
            trials.append_shadow_scores(
                conn, [ShadowScore(kept.id, 2, ShadowOutcome.SCORED, score, 1.0, None)]
            )
            received_at = at + timedelta(seconds=i)
            keep_labels(conn, [Label(kept.id, 50.0, received_at, "ada", received_at)])


def give_reason(page: AppTest, key: str, reason: str, *, override: bool = False) -> AppTest:
    page.text_input(key=f"{key}_reason").set_value(reason)
    if override:
        page.checkbox(key=f"{key}_override").set_value(True)
    return page.button(key=f"{key}_confirm").click().run()


def test_a_version_is_put_on_trial_by_clicking(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    page.selectbox(key="version_of_3").set_value(2).run()
    page.toggle(key="trial_promote").set_value(False).run()
    give_reason(page, "trial", "to see")
    assert not page.exception
    assert page.success[0].value.startswith("v2 is on trial since")
    row = last(full)
    assert row.plan == Plan(1, 2, 0.1, "try-v2", row.plan.salt)
    assert (row.by, row.reason) == ("ada", "to see")
    standing = describe_trial(full.db, full.now())
    assert standing is not None
    assert (standing.trial.settings.auto_promote, standing.trial.settings.auto_ramp) == (
        False,
        True,
    )


def test_a_refused_version_is_tried_only_with_the_override(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    page.selectbox(key="version_of_3").set_value(3).run()
    give_reason(page, "trial", "to see")
    assert page.error[0].value == "Nothing was done: tick the box to go on all the same."
    assert last(full).plan == Plan(1)


def test_a_trial_without_labels_says_so_and_what_is_missing(
    on_trial: App, open_page: OpenPage, read: Read
) -> None:
    said = read(open_page("deployments"))
    assert "v2 is on trial against v1" in said
    assert "Not yet" in said
    assert "No request that both versions scored has a label yet." in said
    assert "This step has 0 of 100 answers of the challenger." in said
    assert "Labelled pairs: 0" in said


def test_a_decided_trial_says_how_sure_and_what_happens_next(
    on_trial: App, open_page: OpenPage, read: Read
) -> None:
    add_pairs(on_trial, 120, 1.0)
    page = open_page("deployments")
    said = read(page)
    assert not page.exception
    assert "Better" in said
    assert "v2 is more accurate than v1" in said
    assert "Still needed: 0 pairs" in said
    give_reason(page, "promote", "it is better")
    row = last(on_trial)
    assert (row.action, row.plan, row.override) == (Action.PROMOTE, Plan(2), False)


def test_an_undecided_trial_is_promoted_only_with_the_override(
    on_trial: App, open_page: OpenPage
) -> None:
    page = give_reason(open_page("deployments"), "promote", "we need it")
    assert page.error[0].value == "Nothing was done: tick the box to go on all the same."
    give_reason(open_page("deployments"), "promote", "we need it", override=True)
    assert (last(on_trial).plan, last(on_trial).override) == (Plan(2), True)


def test_a_trial_is_widened_and_stopped_by_clicking(on_trial: App, open_page: OpenPage) -> None:
    page = give_reason(open_page("deployments"), "widen", "it looks well")
    assert page.success[0].value.startswith("v2 answers 20")
    assert last(on_trial).plan.traffic == 0.2
    page = give_reason(open_page("deployments"), "stop_trial", "enough")
    assert page.success[0].value.startswith("The trial was stopped")
    assert last(on_trial).plan == Plan(1)


def test_rolling_back_during_a_trial_says_that_it_ends_it(
    on_trial: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("deployments")
    assert "v2 is on trial and this ends it" in read(page)
    page = give_reason(page, "rollback", "too slow")
    assert [e.value for e in [*page.exception, *page.error]] == []
    assert last(on_trial).plan == Plan(1)


def test_a_second_trial_is_not_offered(on_trial: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    assert not [button for button in page.button if button.key == "trial_confirm"]
