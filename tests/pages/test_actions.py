"""Writing by clicking: two clicks with a reason, one core call, and what it did."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.alerts.rules import Finding
from core.bootstrap import App, load_current_settings
from core.deployment import release
from core.domain.incident import IncidentStatus
from core.domain.installation import Scope
from core.domain.job import JobStatus
from core.domain.monitoring import Health
from core.store.installation import api_keys
from core.store.jobs import jobs
from core.store.models import deployments
from core.store.monitoring import incidents
from tests.alerts.seeing import see
from tests.people import person

OpenPage = Callable[..., AppTest]


def give_reason(page: AppTest, key: str, reason: str) -> AppTest:
    """The second click, with what was typed before it."""
    page.text_input(key=f"{key}_reason").set_value(reason)
    return page.button(key=f"{key}_confirm").click().run()


def champions(app: App) -> list[int]:
    """Which version each deployment made serve, oldest first."""
    with app.db.read() as conn:
        return [row.plan.champion for row in deployments.load_history(conn)]


def test_rolling_back_says_before_and_after_what_it_does(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    assert any(
        "v1 serves now. From the next request on, **heuristic**" in text.value
        for text in page.markdown
    )
    give_reason(page, "rollback", "too slow")
    assert not page.exception
    assert page.success[0].value.startswith("Rolled back from v1 to heuristic")
    assert champions(full) == [0, 1, 0]
    with full.db.read() as conn:
        last = deployments.load_history(conn)[-1]
    assert (last.by, last.reason) == ("ada", "too slow")


def test_the_heuristic_is_shown_with_what_it_would_have_been_worth(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("deployments")
    page.selectbox(key="version_of_3").set_value(0).run()
    [said] = [text.value for text in page.caption if "The heuristic is no model" in text.value]
    assert re.search(
        r"On the newest \d+ labels \(\d+ with base metrics, over 1 day\) its MAE", said
    )
    assert "within ±5" in said


def test_nothing_is_done_without_a_reason(full: App, open_page: OpenPage) -> None:
    page = give_reason(open_page("deployments"), "rollback", "  ")
    assert page.error[0].value.startswith("Nothing was done: give a reason")
    assert champions(full) == [0, 1]


def test_a_plan_that_changed_meanwhile_is_a_conflict_and_names_who(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("deployments")
    release.deploy(
        full.db,
        full.registry,
        0,
        reason="mine first",
        by=person("grace"),
        override=False,
        now=full.now(),
    )
    give_reason(page, "rollback", "too slow")
    assert page.error[0].value.startswith("grace deployed heuristic at 12:00 UTC")
    assert champions(full) == [0, 1, 0]


def test_a_refused_version_needs_the_override_ticked(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    give_reason(page, "deploy", "we need it")
    assert page.error[0].value == "Nothing was done: tick the box to go on all the same."
    assert champions(full) == [0, 1]


def test_the_serving_version_cannot_be_deployed_again(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    page.selectbox(key="version_of_3").set_value(1).run()
    assert page.get_by_key("deploy_popover_0").proto.popover.disabled


def test_what_served_at_a_moment_is_answered(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    assert any("**v1**, since 28 Feb 2026, 12:00 UTC, by grace" in m.value for m in page.markdown)


def test_training_by_clicking_makes_a_job_with_who_and_why(full: App, open_page: OpenPage) -> None:
    page = open_page("training")
    page.selectbox(key="recipe").set_value("baseline")
    page.text_input(key="train_reason").set_value("grade is known early")
    page.checkbox(key="train_override").check()
    page.button(key="train_now").click().run()
    assert not page.exception
    assert "was requested" in page.success[0].value
    with full.db.read() as conn:
        job = jobs.load_jobs(conn, 1)[0]
    assert (job.kind, job.requested_by, job.reason) == ("train", "ada", "grade is known early")
    assert job.args == {
        "recipe": "baseline",
        "seed": 0,
        "overrides": ["grade is known early"],
        "leave_out": ["grade"],  # gives the target away, so that leaving it out is proposed
        "objective": "squared",
        "window": "auto",
        "search": "grid",
        "purpose": "score",
    }


def test_a_click_asks_whether_training_again_would_help_and_the_page_says_the_answer(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("training")
    assert any("No retraining was tried yet" in said.value for said in page.caption)
    page.button(key="preview_now").click().run()
    assert not page.exception
    with full.db.write() as conn:
        job = jobs.load_jobs(conn, 1)[0]
        assert (job.kind, job.requested_by) == ("preview", "ada")
        found = {"verdict": "helps", "summary": "Training again would help: 1.2 points."}
        jobs.claim_job(conn, job.id, full.now())
        jobs.save_outcome(conn, job.id, JobStatus.DONE, result=found, error=None, now=full.now())
    page.run()
    assert any("Training again would help: 1.2 points." in said.value for said in page.caption)
    assert page.button(key="preview_now")


def test_blocking_issues_stop_a_training_that_nobody_overrides(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("training")
    page.button(key="train_now").click().run()
    assert page.error[0].value.startswith("Nothing was done: tick the box and give a reason")
    with full.db.read() as conn:
        assert len(jobs.load_jobs(conn, 10)) == 2


def test_a_running_job_can_be_asked_to_stop(full: App, open_page: OpenPage) -> None:
    page = open_page("training")
    with full.db.read() as conn:
        running = jobs.load_running_jobs(conn)[0]
    page.button(key=f"cancel_{running.id}").click().run()
    with full.db.read() as conn:
        assert jobs.get_job(conn, running.id).cancel_requested_by == "ada"
    assert any("ada asked it to stop" in caption.value for caption in page.caption)


def test_demo_rows_are_requested_as_a_job(app: App, open_page: OpenPage) -> None:
    page = open_page("data")
    page.number_input(key="demo_rows").set_value(300)
    page.button(key="demo_now").click().run()
    assert not page.exception
    with app.db.read() as conn:
        job = jobs.load_jobs(conn, 1)[0]
    assert (job.kind, job.args) == ("demo", {"n_rows": 300, "seed": 0})
    assert job.status is JobStatus.QUEUED
    assert any("No worker is running" in warning.value for warning in page.warning)


def test_a_file_is_shown_guessed_and_imported(app: App, open_page: OpenPage) -> None:
    rows = "created_at,code_quality,id,score\n" + "\n".join(
        f"2026-01-{day:02d}T10:00:00Z,{day * 3},row{day},{day * 3 + 2}" for day in range(1, 29)
    )
    page = open_page("data")
    page.file_uploader(key="upload_0").upload("ratings.csv", rows.encode(), "text/csv").run()
    assert not page.exception
    assert not page.error
    assert [box.value for box in page.selectbox if box.label == "Target"] == ["score"]
    assert [box.value for box in page.selectbox if box.label == "Time"] == ["created_at"]
    page.button(key="import_now").click().run()
    assert not page.exception
    with app.db.read() as conn:
        job = jobs.load_jobs(conn, 1)[0]
    assert (job.kind, job.args["name"], job.requested_by) == ("import", "ratings.csv", "ada")
    assert job.args["mapping"]["target"] == "score"  # type: ignore[index]
    assert app.settings.uploads in app.settings.home.joinpath(str(job.args["path"])).parents


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"a,b,c\n", "no rows"),
        ("sheet.csv", b"PK\x03\x04 zip", "spreadsheet"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(
    app: App, open_page: OpenPage, name: str, content: bytes, said: str
) -> None:
    page = open_page("data")
    page.file_uploader(key="upload_0").upload(name, content, "text/csv").run()
    assert not page.exception
    assert said in page.error[0].value
    assert name in page.error[0].value


def test_a_column_cannot_be_two_things(app: App, open_page: OpenPage) -> None:
    page = open_page("data")
    page.file_uploader(key="upload_0").upload("r.csv", b"a,score\n1,2\n2,3\n", "text/csv").run()
    next(box for box in page.selectbox if box.label == "Id").set_value("score").run()
    assert "chosen twice" in page.error[0].value
    assert page.button(key="import_now").disabled


def test_an_upload_cannot_leave_its_folder(app: App, open_page: OpenPage) -> None:
    page = open_page("data")
    page.file_uploader(key="upload_0").upload("../../evil.csv", b"a,score\n1,2\n2,3\n").run()
    assert not page.exception
    root = app.settings.home.parent
    assert [path for path in root.rglob("*") if "evil" in path.name] == []
    assert [path.parent.parent for path in root.rglob("kept-copy*")] == [app.settings.uploads]


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("ack", IncidentStatus.ACKNOWLEDGED),
        ("snooze", IncidentStatus.SNOOZED),
        ("resolve", IncidentStatus.RESOLVED),
    ],
)
def test_an_incident_is_looked_after_with_a_reason(
    full: App, open_page: OpenPage, action: str, status: IncidentStatus
) -> None:
    page = open_page("monitoring")
    give_reason(page, f"{action}_1", "on it")
    assert not page.exception
    with full.db.read() as conn:
        incident = incidents.get_incident(conn, 1)
    assert incident.status is status
    assert (incident.events[-1].by, incident.events[-1].message) == ("ada", "on it")


def test_the_button_beside_an_incident_does_what_helps(full: App, open_page: OpenPage) -> None:
    see(full.db, [Finding("collapsed", Health.CRITICAL, "One score for all.")], full.now())
    page = open_page("monitoring")
    give_reason(page, "mend_2", "it is wrong")
    assert not page.exception
    assert page.success[0].value == "The heuristic answers (revision 3)."
    assert champions(full) == [0, 1, 0]


def test_an_incident_that_ended_is_judged_and_counted(full: App, open_page: OpenPage) -> None:
    page = open_page("monitoring")
    give_reason(page, "resolve_1", "fixed")
    page.button(key="judge_real").click().run()
    assert not page.exception
    assert any("1 of 1 judged" in c.value for c in page.caption)


def test_maintenance_is_announced_and_ended_with_a_reason(full: App, open_page: OpenPage) -> None:
    page = open_page("monitoring")
    assert any("No messages are sent" in text.value for text in page.markdown)
    give_reason(page, "start_maintenance", "new disks")
    assert any("Maintenance by ada until" in text.value for text in page.info)
    give_reason(page, "end_maintenance", "done")
    assert page.success[0].value == "Messages are sent again."
    assert not any("Maintenance" in text.value for text in page.info)


def test_a_threshold_changes_with_a_reason_and_can_go_back(full: App, open_page: OpenPage) -> None:
    page = open_page("system")
    page.text_input(key="value_accuracy_warning").set_value("0.7x").run()
    give_reason(page, "change_setting", "too strict")
    assert "0.7x" in page.error[0].value
    page.text_input(key="value_accuracy_warning").set_value("0.79").run()
    give_reason(page, "change_setting", "too strict")
    assert page.success[0].value == "accuracy warning is 0.79 now; it was 0.8."
    assert load_current_settings(full).accuracy_warning == 0.79
    give_reason(page, "return_setting", "was right before")
    assert load_current_settings(full).accuracy_warning == 0.8


def test_a_threshold_is_tried_on_the_last_days_before_it_changes(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("system")
    assert page.button(key="rehearse_setting").disabled
    page.text_input(key="value_accuracy_warning").set_value("0.99").run()
    page.button(key="rehearse_setting").click().run()
    assert page.success[0].value.startswith("With accuracy_warning at 0.99 there would have been ")
    assert load_current_settings(full).accuracy_warning == 0.8
    page.text_input(key="value_accuracy_warning").set_value("2").run()
    page.button(key="rehearse_setting").click().run()
    assert "PLUMBLINE_ACCURACY_WARNING" in page.error[0].value
    page.selectbox(key="setting").set_value("drift_threshold").run()
    assert "rehearse_setting" not in [button.key for button in page.button]


def test_a_key_is_shown_once_and_revoked(app: App, open_page: OpenPage) -> None:
    page = open_page("system")
    page.text_input(key="key_name").set_value("web team")
    page.button(key="create_key_confirm").click().run()
    assert "needs at least one scope" in page.error[0].value
    page.multiselect(key="key_scopes").set_value(["predict"])
    page.text_input(key="key_name").set_value("web team")
    page.button(key="create_key_confirm").click().run()
    with app.db.read() as conn:
        (key,) = api_keys.load_keys(conn)
    assert (key.name, key.scopes) == ("web team", {Scope.PREDICT})
    assert key.expires_at == app.now() + timedelta(days=90)
    assert key.prefix in page.success[0].value
    page.button(key="revoke_key_confirm").click().run()
    assert "revoked" in page.success[0].value
    with app.db.read() as conn:
        assert api_keys.load_keys(conn)[0].revoked_at == app.now()
