"""The replay on the deployments page: one click, its progress, and what it says before a deploy."""

from collections.abc import Callable
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.domain.monitoring import LiveEstimate
from core.store.jobs import jobs
from core.store.models import replays
from tests.store.models.test_replays import REPORT

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]


def test_one_click_asks_for_a_replay_and_its_progress_is_shown(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("deployments", version="2")
    assert "Not replayed on recorded requests yet." in read(page)
    page.button(key="replay_2").click().run()
    assert not page.exception
    with full.db.read() as conn:
        [job] = jobs.load_jobs(conn, 5, ["replay"])
    assert (job.args, job.requested_by) == ({"version": "v2", "days": 7}, "ada")
    said = read(page)
    assert f"Replay (job {job.id})" in said
    assert "Replay them with v2" not in said


def test_a_replay_is_shown_beside_the_version_and_in_its_deploy_dialog(
    full: App, open_page: OpenPage, read: Read
) -> None:
    said = "v2 replayed on 10 requests of 7 days: MAE 4.10 (3.90 to 4.30) against 4.60 as served."
    report = replace(
        REPORT,
        mae=LiveEstimate(4.1, 3.9, 4.3),
        served_mae=LiveEstimate(4.6, 4.2, 5.0),
        improvement=LiveEstimate(0.5, 0.1, 0.9),
        summary=said,
    )
    with full.db.write() as conn:
        replays.append_replay(conn, version=2, days=7.0, report=report, by="grace", now=full.now())
    page = open_page("deployments", version="2")
    text = read(page)
    assert not page.exception
    assert f"{said} (just now)" in text
    assert "Smaller error than as served" in text
    assert "MAE in the replay: 4.10 points" in text
    assert "1 failed, 1 without usable features, of 10" in text
