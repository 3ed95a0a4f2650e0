"""Training registers an honest version, or leaves nothing behind."""

import resource
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.data.snapshots import read_snapshot
from core.domain.dataset import Snapshot
from core.domain.deployment import Action, Plan
from core.domain.monitoring import Health
from core.domain.sample import Provenance
from core.domain.training_report import GateCode
from core.domain.version import Version
from core.errors import Cancelled, InvalidInput, Refused, Unavailable
from core.settings import Scale
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.models import deployments, versions
from core.store.monitoring import incidents
from core.training.data.rows import arrange_rows, list_rows, split_frame
from core.training.evaluate.gate import GATE_ALPHA
from core.training.flow import forget_lost_runs, sync_runs
from core.training.plan import TrainingPlan
from tests.fakes import FakeRegistry, add_version
from tests.training.worlds import START, FakeTracking, fill, list_failed, make_samples

Train = Callable[..., Version]
Now = Callable[[], datetime]


def deploy(db: Database, number: int, now: Now) -> None:
    with db.write() as conn:
        deployments.append_deployment(
            conn,
            action=Action.DEPLOY,
            plan=Plan(number),
            reason="test",
            by="ana",
            override=False,
            evidence={},
            now=now(),
        )


@pytest.mark.parametrize("recipe", ["baseline", pytest.param("advanced", marks=pytest.mark.slow)])
def test_a_useful_model_is_registered_with_everything_that_was_found(
    db: Database, registry: FakeTracking, train: Train, now: Now, recipe: str
) -> None:
    fill(db, make_samples(500), now)
    version = train(recipe=recipe, seed=3)
    report = version.report
    assert (version.number, version.run_id, version.created_by) == (1, "run-1", "ana")
    assert (report.split, report.n_train, report.n_holdout) == ("time", 400, 100)
    assert report.gate.passed
    assert report.metrics.skill is not None
    assert report.metrics.skill.low > 0.3
    assert report.summary.startswith("Better than guessing the mean of each 'lang': ")
    assert next(iter(report.importance)) == "size"
    assert set(report.naive) == {"mean", "median", "recent_mean", "category_mean"}
    assert report.naive["category_mean"].of == "lang"
    assert report.basis == "25 days, in runs of 3"
    assert report.interval_coverage is not None
    assert report.random_split_mae is not None
    assert report.cv["mae"]["mean"] > 0
    assert not report.synthetic
    assert [point.n_rows for point in report.learning_curve][-2:] == [200, 400]
    assert report.learning_curve[-1].mae.value == pytest.approx(report.metrics.mae.value)
    assert report.doubling is not None
    assert {segment.column for segment in report.segments} == {"lang"}
    assert sum(band.n_rows for band in report.score_bands) == 100
    assert report.worst[0].at is not None
    assert {"python", "numpy", "xgboost"} <= set(report.environment)
    assert report.commit
    with db.read() as conn:
        assert versions.get_version(conn, 1) == version
    artifact = registry.load_artifact(version.artifact_hash)
    artifact.verify_golden()
    assert len(artifact.card.golden) == 11
    assert artifact.card.features == report.features_selected


def test_the_figures_are_those_of_the_model_that_serves_on_rows_it_has_not_seen(
    db: Database, registry: FakeTracking, train: Train, now: Now, home: Path
) -> None:
    fill(db, make_samples(300), now)
    version = train()
    with db.read() as conn:
        snapshot = snapshots.get_snapshot(conn, version.snapshot_id)
    frame = read_snapshot(home / "snapshots", snapshot)
    holdout = frame.iloc[split_frame(frame).holdout]
    scores = registry.load_artifact(version.artifact_hash).score(holdout)
    error = np.abs(holdout["__target__"].to_numpy() - scores)
    assert np.mean(error) == pytest.approx(version.report.metrics.mae.value, abs=1e-9)
    assert np.mean(error <= 5) == version.report.metrics.accuracy.value


@pytest.mark.parametrize("recipe", ["baseline", pytest.param("advanced", marks=pytest.mark.slow)])
def test_the_same_raw_row_scores_the_same_in_training_in_serving_and_from_the_artifact(
    db: Database, registry: FakeTracking, train: Train, now: Now, home: Path, recipe: str
) -> None:
    fill(db, make_samples(300), now)
    version = train(recipe=recipe)
    with db.read() as conn:
        snapshot = snapshots.get_snapshot(conn, version.snapshot_id)
    frame = read_snapshot(home / "snapshots", snapshot)
    features = arrange_rows(frame, np.arange(len(frame)), ()).features
    rows = list_rows(features, np.arange(len(features)))
    artifact = registry.load_artifact(version.artifact_hash)
    by_frame = artifact.score(features)
    by_batch = artifact.score(rows)
    one_by_one = np.array([artifact.score([row])[0] for row in rows])
    as_text = [{name: None if v is None else str(v) for name, v in row.items()} for row in rows]
    for other in (by_batch, one_by_one, artifact.score(as_text), artifact.score(frame)):
        assert np.max(np.abs(other - by_frame)) <= 1e-9
    assert by_frame.std() > 1


@pytest.mark.slow
def test_the_same_seed_and_rows_give_the_same_figures(db: Database, train: Train, now: Now) -> None:
    fill(db, make_samples(200), now)
    one, same = train(recipe="advanced", seed=5), train(recipe="advanced", seed=5)
    assert one.snapshot_id == same.snapshot_id
    assert one.report.metrics == same.report.metrics
    assert one.report.search == same.report.search
    assert one.report.importance == same.report.importance


def test_another_seed_is_judged_on_the_same_holdout(db: Database, train: Train, now: Now) -> None:
    fill(db, make_samples(200, start=None), now)
    one, other = train(seed=1), train(seed=2)
    assert one.report.split == "random"
    assert one.report.naive == other.report.naive  # guesses and rows are the same
    assert one.report.random_split_mae is None


@pytest.mark.parametrize("recipe", ["baseline", pytest.param("advanced", marks=pytest.mark.slow)])
def test_features_that_say_nothing_are_refused_in_one_sentence_that_names_them(
    db: Database, train: Train, now: Now, recipe: str
) -> None:
    fill(db, make_samples(500, strength=0.0, start=None), now)
    report = train(recipe=recipe).report
    assert not report.gate.passed
    assert report.summary.startswith("Not shown to be better than ")
    assert "none of the 4 columns says anything about the target by itself" in report.summary
    assert list_failed(report.gate) == [GateCode.SKILL, GateCode.CONSTANT_BASELINE]
    assert report.importance == {}


def test_a_target_that_is_mostly_one_value_is_refused_whatever_the_error(
    db: Database, train: Train, now: Now
) -> None:
    rows = make_samples(400, start=None)
    mostly = [replace(s, target=100.0 if i % 10 else s.target) for i, s in enumerate(rows)]
    fill(db, mostly, now)
    report = train(overrides=("to see",)).report
    assert not report.gate.passed
    assert GateCode.CONSTANT_BASELINE in list_failed(report.gate)


def test_groups_are_blocks_of_the_intervals(db: Database, train: Train, now: Now) -> None:
    fill(db, make_samples(300, start=None, group_size=5), now)
    report = train().report
    assert report.split == "group"
    assert report.basis == "12 groups"


@pytest.mark.slow
@pytest.mark.parametrize("leak", ["copies", "groups"])
def test_a_leak_through_copies_or_groups_does_not_raise_the_claimed_skill(
    db: Database, train: Train, now: Now, leak: str
) -> None:
    rng = np.random.default_rng(3)
    level, mark = rng.normal(55, 15, 80), rng.normal(size=80)
    rows = []
    for i, sample in enumerate(make_samples(320, strength=0.0, start=None)):
        unit = i % 80  # four rows each: what they share says nothing of any other unit
        features = {"mark": float(mark[unit]), "lang": "py" if unit % 2 else "go"}
        if leak == "groups":
            features["third"] = float(rng.normal())
        rows.append(
            replace(
                sample,
                features=features,
                target=float(np.clip(level[unit], 0, 100)),
                group=f"g{unit}" if leak == "groups" else None,
                external_id=str(i),
            )
        )
    fill(db, rows, now)
    report = train(recipe="advanced", overrides=("to see",)).report
    assert report.metrics.skill is not None
    assert report.metrics.skill.low <= 0
    assert not report.gate.passed
    if leak == "groups":
        assert report.random_split_mae is not None
        assert report.random_split_mae < report.metrics.mae.value


def test_demo_rows_are_marked_and_judged_on_their_merits(
    db: Database, registry: FakeTracking, train: Train, now: Now
) -> None:
    fill(db, make_samples(300, provenance=Provenance.SYNTHETIC), now)
    version = train()
    assert version.report.synthetic
    assert version.report.gate.passed
    assert version.report.summary.startswith("Demo data: ")
    assert registry.load_artifact(version.artifact_hash).card.synthetic


def test_real_rows_are_never_evaluated_beside_synthetic_ones(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, make_samples(300, provenance=Provenance.SYNTHETIC), now)
    fill(db, make_samples(200, seed=2), now)
    report = train().report
    assert report.n_train + report.n_holdout == 200
    assert not report.synthetic


def test_rows_whose_label_came_after_the_split_are_left_out_and_counted(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, make_samples(500), now)  # four a day
    report = train(label_delay_seconds=10 * 86_400.0).report
    assert (report.n_train, report.n_unknown_yet, report.n_holdout) == (361, 39, 100)
    assert "39 rows before it are left out, since labels take 10 days" in report.split_reason
    with pytest.raises(Refused, match=r"0 rows to learn from \(400 more wait"):
        train(label_delay_seconds=500 * 86_400.0)


# --- data that stops a training ------------------------------------------------------------------


def leaky(n: int = 300) -> list[Any]:
    rows = make_samples(n)
    return [replace(s, features={**s.features, "grade": s.target * 2}) for s in rows]


def test_a_model_that_uses_a_leaky_column_is_refused_however_good_its_figures(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, leaky(), now)
    report = train().report
    assert not report.gate.passed
    assert report.metrics.skill is not None
    assert report.metrics.skill.low > 0.9
    assert report.summary.startswith("Too good to be true, because it reads what gives the target ")
    assert list_failed(report.gate) == [GateCode.LEAKS]


def test_a_blocking_issue_stops_the_training_with_its_sentence(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, [replace(s, target=50.0) for s in make_samples(100)], now)
    with pytest.raises(Refused, match="Training stopped"):
        train()
    with db.read() as conn:
        assert versions.load_versions(conn) == []


def test_another_rating_is_refused_until_a_person_says_it_is_known_and_then_not_asked_about_again(
    db: Database, train: Train, now: Now
) -> None:
    noise = np.random.default_rng(0).normal(0, 6, 400)
    rated = [
        replace(s, features={**s.features, "clarity_score": s.target + float(e)})
        for s, e in zip(make_samples(400), noise, strict=True)
    ]
    fill(db, rated, now)
    asked = train().report
    assert list_failed(asked.gate) == [GateCode.SUSPECTS]
    assert "'clarity_score' looks like another rating" in asked.gate.reasons[0]
    assert train(overrides=("a judge model sees it first",)).report.acknowledged == (
        "clarity_score",
    )
    again = train(acknowledged=("clarity_score",)).report
    assert again.gate.passed
    assert again.acknowledged == ("clarity_score",)
    assert again.overrides[0].endswith("Overridden for the version before")


def test_a_verdict_in_the_texts_matters_only_to_a_model_that_reads_them(
    db: Database, train: Train, now: Now
) -> None:
    marked = [
        replace(s, text=f"[{'PASS' if s.target > 50 else 'FAIL'}] it says {i}")
        for i, s in enumerate(make_samples(200))
    ]
    fill(db, marked, now)
    assert GateCode.LEAKS not in list_failed(train().report.gate)
    assert GateCode.LEAKS in list_failed(train(recipe="text").report.gate)


def test_an_override_with_a_reason_stays_in_the_report(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, leaky(), now)
    report = train(overrides=("known before the work is seen",)).report
    (override,) = report.overrides
    assert "grade" in override
    assert override.endswith("Overridden by ana: known before the work is seen")
    assert report.gate.passed


def test_a_column_that_is_left_out_is_not_used_and_no_leak(
    db: Database, registry: FakeTracking, train: Train, now: Now
) -> None:
    fill(db, leaky(), now)
    version = train(leave_out=("grade",))
    assert version.report.left_out["grade"] == "left out by ana"
    assert "grade" not in version.report.features_available
    assert "grade" not in registry.load_artifact(version.artifact_hash).card.features
    with pytest.raises(InvalidInput, match="'colour' cannot be left out"):
        train(leave_out=("grade", "colour"))


def test_too_few_rows_and_an_empty_store_are_refused(db: Database, train: Train, now: Now) -> None:
    with pytest.raises(Refused, match="no rows"):
        train()
    fill(db, make_samples(8), now)
    with pytest.raises(Refused, match="stopped"):
        train()
    with pytest.raises(Refused, match="too few"):
        train(overrides=("try",))


def test_an_unknown_recipe_stops_before_anything_is_written(train: Train, home: Path) -> None:
    with pytest.raises(InvalidInput, match="not a recipe"):
        train(recipe="magic")
    assert not (home / "snapshots").exists()


# --- the champion --------------------------------------------------------------------------------


def test_an_equal_model_does_not_beat_the_champion(db: Database, train: Train, now: Now) -> None:
    fill(db, make_samples(400), now)
    deploy(db, train().number, now)
    report = train().report
    assert report.champion == 1
    assert report.n_compared == 80
    assert report.champion_mae is not None
    assert report.champion_mae.value == pytest.approx(report.metrics.mae.value)
    assert report.improvement is not None
    assert report.improvement.value == pytest.approx(0.0, abs=1e-9)
    assert not report.gate.passed
    assert report.summary.endswith("but not shown to be better than v1, the champion.")


def test_a_retraining_learns_up_to_the_newest_weeks_and_its_rows_are_known_later(
    db: Database, train: Train, now: Now
) -> None:
    """Four rows a day: 28 days are 112 rows, where a fifth of 800 would be 160."""
    fill(db, make_samples(800), now)
    recent = TrainingPlan(window="all", holdout="recent")
    first = train(plan=recent)
    assert (first.report.n_train, first.report.n_holdout) == (687, 113)
    assert first.report.holdout_from_at == START + timedelta(hours=6 * 687)
    deploy(db, first.number, now)
    fill(db, make_samples(120, seed=2, start=START + timedelta(days=200)), now)
    report = train(plan=recent).report
    assert report.n_compared == report.n_holdout
    small = train(plan=replace(recent, parameters={}), leave_out=("size",)).report
    assert small.holdout_from_at == report.holdout_from_at


def test_a_retraining_on_few_rows_or_rows_without_times_keeps_the_fifth(
    db: Database, train: Train, now: Now
) -> None:
    recent = TrainingPlan(window="all", holdout="recent")
    fill(db, make_samples(300), now)
    report = train(plan=recent).report
    assert (report.n_holdout, report.holdout_from_at) == (60, None)
    fill(db, make_samples(300, seed=3, start=None), now)
    report = train(plan=recent).report
    assert (report.split, report.holdout_from_at) == ("random", None)


def test_an_open_accuracy_incident_lets_an_equal_model_follow(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, make_samples(400), now)
    deploy(db, train().number, now)
    with db.write() as conn:
        incidents.open_incident(conn, "error_growth", Health.WARNING, "worse", "plumbline", now())
    report = train().report
    assert report.gate.passed
    assert any("since incident 1 says that" in reason for reason in report.gate.reasons)


def test_each_gate_against_a_champion_spends_alpha_until_the_year_s_is_spent(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, make_samples(400), now)
    first = train()
    assert first.report.gate_alpha is None
    deploy(db, first.number, now)
    report = train().report
    assert report.gate_alpha == GATE_ALPHA
    with db.read() as conn:
        assert versions.sum_gate_alpha(conn, now() - timedelta(days=1)) == GATE_ALPHA
    with db.write() as conn:
        for days, alpha in ((366, 0.1), (364, 0.194)):  # the first is of a year before
            versions.append_version(
                conn,
                snapshot_id=first.snapshot_id,
                artifact_hash=first.artifact_hash,
                report=replace(report, gate_alpha=alpha),
                by="ada",
                now=now() - timedelta(days=days),
            )
    report = train().report
    assert report.gate_alpha is None
    assert any("have spent 19.8 % of the 20 %" in reason for reason in report.gate.reasons)


def test_a_better_model_beats_the_champion_on_rows_new_to_both(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, make_samples(80, noise=25.0), now)
    deploy(db, train(leave_out=("size",)).number, now)
    fill(db, make_samples(400, seed=2, start=START + timedelta(days=21)), now)
    report = train().report
    assert report.improvement is not None
    assert report.improvement.low > 0
    assert report.gate.passed
    assert ", and better than v1, the champion." in report.summary


def test_holdout_rows_that_the_champion_has_learned_from_are_left_out(
    db: Database, train: Train, now: Now
) -> None:
    fill(db, make_samples(300, seed=1, start=None), now)
    deploy(db, train().number, now)
    fill(db, make_samples(300, seed=2, start=None), now)
    report = train().report
    assert 30 <= report.n_compared < report.n_holdout
    assert GateCode.ROWS_LEFT_OUT in report.gate.codes


def test_a_champion_without_its_artifact_is_not_compared_and_the_gate_says_so(
    db: Database, registry: FakeTracking, train: Train, now: Now
) -> None:
    fill(db, make_samples(300), now)
    first = train()
    deploy(db, first.number, now)
    registry.artifact_folder(first.artifact_hash).rename(registry.artifacts / "away")
    report = train().report
    assert not report.gate.passed
    assert report.champion == 1
    assert report.champion_mae is None
    assert list_failed(report.gate) == [GateCode.CHAMPION]


def test_a_champion_whose_rows_are_unknown_is_compared_and_the_doubt_is_said(
    db: Database, train: Train, now: Now, home: Path
) -> None:
    fill(db, make_samples(300), now)
    deploy(db, train().number, now)
    for path in (home / "snapshots").iterdir():
        path.unlink()
    fill(db, make_samples(100, seed=2, start=START + timedelta(days=90)), now)
    report = train().report
    assert report.n_compared == report.n_holdout
    assert GateCode.DOUBT in report.gate.codes


def test_the_heuristic_is_no_champion(db: Database, train: Train, now: Now) -> None:
    fill(db, make_samples(300), now)
    deploy(db, 0, now)
    report = train().report
    assert report.champion is None
    assert report.gate.passed


# --- failing and stopping ------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["baseline", pytest.param("advanced", marks=pytest.mark.slow)])
def test_progress_only_grows_and_every_step_has_words(
    db: Database, train: Train, now: Now, recipe: str
) -> None:
    seen: list[tuple[float, str]] = []
    fill(db, make_samples(300), now)
    train(recipe=recipe, progress=lambda share, message: seen.append((share, message)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.9 < shares[-1] < 1.0
    assert all(message for _, message in seen)


@pytest.mark.slow
def test_a_cancel_at_any_step_leaves_no_version(db: Database, train: Train, now: Now) -> None:
    fill(db, make_samples(120), now)
    steps: list[str] = []
    train(progress=lambda share, message: steps.append(message))
    assert steps[-1] == "v1 is registered"  # from then on there is nothing to cancel
    for stop_at in range(len(steps) - 1):
        seen: list[str] = []

        def stop(share: float, message: str, seen: list[str] = seen, at: int = stop_at) -> None:
            seen.append(message)
            if len(seen) > at:
                raise Cancelled("Stopped by ana.")

        with pytest.raises(Cancelled):
            train(progress=stop)
    with db.read() as conn:
        assert len(versions.load_versions(conn)) == 1


def test_without_mlflow_the_version_is_registered_and_recorded_later(
    db: Database, registry: FakeTracking, train: Train, now: Now
) -> None:
    fill(db, make_samples(120), now)
    registry.down = True
    assert [train().run_id, train().run_id] == [None, None]
    registry.down = False
    assert sync_runs(db, registry, now()) == 2
    assert sync_runs(db, registry, now()) == 0
    with db.read() as conn:
        assert [v.run_id for v in versions.load_versions(conn)] == ["run-2", "run-1"]


def test_one_run_that_cannot_be_recorded_blocks_no_other_and_is_tried_at_growing_pauses(
    db: Database, registry: FakeTracking, monkeypatch: pytest.MonkeyPatch, now: Now
) -> None:
    for _ in range(2):
        add_version(db, FakeRegistry())
    tried, log_run = [], registry.log_run

    def refuse_one(version: Version, snapshot: Snapshot) -> str:
        tried.append(version.number)
        if version.number == 1:
            raise Unavailable("Its artifact is gone.")
        return log_run(version, snapshot)

    monkeypatch.setattr(registry, "log_run", refuse_one)
    assert sync_runs(db, registry, now(), lambda: 0.0) == 1
    for minute in range(1, 24 * 60):  # a day of the schedule
        sync_runs(db, registry, now(), lambda at=minute * 60.0: at)
    assert tried == [1, 2] + [1] * 11
    assert registry.retries.reasons == ["v1: Its artifact is gone."]


def test_runs_that_were_deleted_in_mlflow_are_recorded_again_with_their_notes(
    db: Database, registry: FakeTracking, monkeypatch: pytest.MonkeyPatch, now: Now
) -> None:
    for _ in range(2):
        add_version(db, FakeRegistry())
    assert sync_runs(db, registry, now()) == 2
    monkeypatch.setattr(registry, "find_lost_runs", lambda ids: [one for one in ids if "1" in one])
    assert forget_lost_runs(db, registry) == 1
    assert sync_runs(db, registry, now()) == 1
    assert registry.runs == [1, 2, 1]


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("taking a snapshot", "The snapshot cannot be written to .*: free some space"),
        ("saving the pipeline", "cannot be written"),
        ("registering the version", "database"),
    ],
)
def test_a_full_disk_at_any_write_leaves_no_half_version(
    db: Database,
    registry: FakeTracking,
    train: Train,
    now: Now,
    home: Path,
    step: str,
    sentence: str,
) -> None:
    """The kernel refuses to make any file longer, by its limit on their size."""
    fill(db, make_samples(120), now)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_disk(share: float, message: str) -> None:
        if message.startswith(step):
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))

    try:
        with pytest.raises(Unavailable, match=sentence):
            train(progress=fill_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with db.read() as conn:
        assert versions.load_versions(conn) == []
    assert [path.name for path in home.rglob(".*")] == []  # files are written beside, then renamed
    assert registry.runs == []
    assert train().number == 1


def test_a_feature_that_half_of_the_rows_lack_is_used_all_the_same(
    db: Database, registry: FakeTracking, train: Train, now: Now
) -> None:
    rows = [
        replace(sample, features={**sample.features, "size": None}) if i % 2 else sample
        for i, sample in enumerate(make_samples(400))
    ]
    fill(db, rows, now)
    version = train()
    assert "size" in version.report.features_selected
    assert version.report.metrics.skill is not None
    assert version.report.metrics.skill.low > 0
    artifact = registry.load_artifact(version.artifact_hash)
    assert np.isfinite(
        artifact.score([{"lang": "cobol"}, {"size": 1.0, "lang": "never seen"}])
    ).all()


@pytest.mark.parametrize("recipe", ["baseline", pytest.param("advanced", marks=pytest.mark.slow)])
def test_bad_values_in_rows_never_stop_a_score(
    db: Database, registry: FakeTracking, train: Train, now: Now, recipe: str
) -> None:
    fill(db, make_samples(200), now)
    artifact = registry.load_artifact(train(recipe=recipe).artifact_hash)
    strange: list[Any] = [
        {},
        {"size": None, "lang": None},
        {"size": "many", "lang": 7},
        {"size": float("inf"), "lang": "cobol"},
        {"size": "1.5", "lang": True},
        {"size": 1e300},
        {"unknown": [1, 2]},
    ]
    scores = artifact.score(strange)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 100)).all()
    assert artifact.score(pd.DataFrame({"size": [1.5]}))[0] == artifact.score([{"size": "1.5"}])


def test_another_scale_is_kept_by_the_artifact(
    db: Database, registry: FakeTracking, train: Train, now: Now
) -> None:
    fill(db, make_samples(200), now)
    version = train(scale=Scale(0, 200), tolerance=2.5)
    assert (version.report.scale_high, version.report.tolerance) == (200, 2.5)
    assert registry.load_artifact(version.artifact_hash).card.scale_high == 200
