"""Fixtures of the page tests: an empty and a full store, and pages opened in them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import bootstrap
from core.bootstrap import App
from core.domain.dataset import ColumnSummary, Issue, QualityReport, Severity
from core.domain.deployment import Action, Plan
from core.domain.job import SCHEDULER, JobStatus
from core.domain.monitoring import Health, HealthReport, Reason
from core.domain.prediction import AnswerSource, Label, Prediction, Variant
from core.domain.sample import Provenance, Rejection, Sample
from core.domain.training_report import (
    CurvePoint,
    Estimate,
    Gate,
    HoldoutSegment,
    Metrics,
    NaiveMetrics,
    ScoreBand,
    TrainingReport,
    WorstRow,
)
from core.errors import OpsError
from core.monitoring.measure.rollup_updates import measure
from core.registry import Registry, RunPage, RunSummary
from core.store.data import quality, samples, snapshots
from core.store.jobs import jobs, schedule
from core.store.models import deployments, versions
from core.store.predictions import predictions
from tests.alerts.seeing import see
from tests.conftest import NOON, PATIENCE_SECONDS
from tests.fakes import keep_labels
from tests.markup import undo_escapes
from ui.common import context

ENTRY = Path(__file__).resolve().parents[2] / "ui" / "navigation.py"
VERDICT = "No better than always guessing the median: none of the 2 columns says anything."


class Tracking(Registry):
    """A registry whose runs are given, because MLflow takes ten seconds to make its store."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")
        self.runs: list[RunSummary] = []
        self.problem: OpsError | None = None
        self.asked: list[tuple[str, bool, str | None]] = []

    def load_run_page(
        self,
        limit: int = 50,
        *,
        sort: str = "started_at",
        descending: bool = True,
        token: str | None = None,
    ) -> RunPage:
        if self.problem is not None:
            raise self.problem
        self.asked.append((sort, descending, token))
        first = int(token or 0)
        is_last = len(self.runs) <= first + limit
        return RunPage(
            self.runs[first : first + limit], None if is_last else str(first + limit), "7"
        )

    def mirror_alias(self, version_number: int) -> None:
        """Nothing: there is no MLflow here."""


@pytest.fixture
def app(
    home: Path,
    empty_store: Path,
    now: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[App]:
    """The app of an empty store, which the pages of this test get as well."""
    shutil.copy(empty_store, home)
    built = bootstrap.build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}, now)
    built = replace(built, registry=Tracking(home))
    monkeypatch.setattr(context, "build_app", lambda: built)
    st.cache_resource.clear()
    yield built
    st.cache_resource.clear()
    built.close()


@pytest.fixture(scope="session")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a full store, to be copied: filling it takes as long as opening three pages."""
    home = tmp_path_factory.mktemp("full")
    built = bootstrap.build_app(
        {"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}, lambda: NOON
    )
    fill(built)
    built.close()
    return home / "plumbline.db"


@pytest.fixture
def full(app: App, full_store: Path, home: Path) -> App:
    """The same with rows, versions, deployments, predictions, labels, incidents and jobs."""
    app.db.close()
    shutil.copy(full_store, home)
    return app


@pytest.fixture
def open_page(quick_pages: None) -> Callable[..., AppTest]:
    """Opens a page the way a visitor does: through the navigation, with a query in the address."""

    def open_(name: str, **query: str) -> AppTest:
        context.load_rules.cache_clear()  # a test before may have set up a login
        page = AppTest.from_file(str(ENTRY), default_timeout=PATIENCE_SECONDS)
        for key, value in query.items():
            page.query_params[key] = value
        if name != "overview":
            page.switch_page(f"../pages/{name}.py")
        page.run()
        return page

    return open_


@pytest.fixture
def read() -> Callable[[AppTest], str]:
    """Everything that a page says, as one text with its escapes undone."""

    def read_(page: AppTest) -> str:
        said = [
            *(element.value for element in page.title),
            *(element.value for element in page.subheader),
            *(element.value for element in page.markdown),
            *(element.value for element in page.caption),
            *(element.value for element in page.info),
            *(element.value for element in page.warning),
            *(element.value for element in page.error),
            *(element.value for element in page.success),
            *(f"{element.label}: {element.value}" for element in page.metric),
            *(element.label for element in page.button),
            *(str(cell) for element in page.table for cell in element.value.to_numpy().ravel()),
        ]
        return undo_escapes("\n".join(said))

    return read_


def build_report(
    recipe: str, mae: float, *, passed: bool, summary: str, synthetic: bool = False
) -> TrainingReport:
    """A report whose figures are easy to recognise."""
    return TrainingReport(
        recipe=recipe,
        seed=0,
        n_train=400,
        n_holdout=100,
        split="time",
        split_reason="the newest fifth is held out.",
        features_available=("code_quality", "language"),
        features_selected=("code_quality", "language"),
        importance={"code_quality": 0.75, "language": 0.25},
        search={"n_combinations": 81, "n_folds": 5, "n_rows": 100, "best": {"max_depth": 4}},
        metrics=Metrics(
            mae=Estimate(mae, mae - 0.5, mae + 0.5),
            rmse=Estimate(mae + 1, mae, mae + 2),
            r2=None,
            accuracy=Estimate(0.61, 0.58, 0.64),
            skill=Estimate(0.25, 0.2, 0.3) if passed else Estimate(-0.01, -0.03, 0.01),
        ),
        champion_mae=None,
        naive={"median": NaiveMetrics(63.0, 8.0, 9.5, 0.4)},
        cv={},
        gate=Gate(passed, (f"{recipe}: the reason of the gate",)),
        tolerance=5.0,
        scale_low=0.0,
        scale_high=100.0,
        synthetic=synthetic,
        overrides=(),
        summary=summary,
        seconds=4.0,
        learning_curve=tuple(CurvePoint(n, Estimate(mae, mae - 1, mae + 1)) for n in (200, 400)),
        doubling=Estimate(0.4, 0.1, 0.7),
        segments=(HoldoutSegment("language", "python", 60, Estimate(9.0, 8.0, 10.0), 1.5),),
        score_bands=(ScoreBand(60.0, 70.0, 50, 65.0, Estimate(58.0, 55.0, 61.0), 8.0),),
        worst=(WorstRow("gone", None, 80.0, 20.0),),
    )


def fill(app: App) -> None:
    """A week in the life of an installation, through the store's own functions."""
    now = app.now()
    _fill_rows(app, now)
    _fill_versions(app, now)
    _fill_traffic(app, now)
    _fill_jobs(app, now)


def _fill_rows(app: App, now: datetime) -> None:
    for source, provenance, n_rows in (
        ("file:ratings.csv", Provenance.REAL, 90),
        ("demo", Provenance.SYNTHETIC, 30),
    ):
        rows = [
            Sample(
                source,
                provenance,
                {"code_quality": float(n), "language": "python"},
                target=float(n),
                at=now - timedelta(days=1, minutes=n),
            )
            for n in range(n_rows)
        ]
        with app.db.write() as conn:
            collection = samples.start_collection(conn, source, {}, "ada", now)
            samples.append_samples(conn, collection, rows)
            samples.finish_collection(
                conn,
                collection,
                n_received=n_rows + 2,
                n_new=n_rows,
                n_duplicate=1,
                rejected=[Rejection(17, "the target 'n/a' is not a number")],
                n_rejected=1,
                now=now,
            )
    with app.db.write() as conn:
        quality.append_report(
            conn,
            QualityReport(
                now,
                90,
                (
                    *(
                        Issue("leaky_column", Severity.BLOCKING, name, 90, "grade gives it away.")
                        for name in ("grade", "mark")
                    ),
                    Issue(
                        "missing_values", Severity.WARNING, "language", 9, "language is missing."
                    ),
                ),
                (
                    ColumnSummary("code_quality", "number", 0, 90, 0.0, 44.5, 89.0, "1", 0.01),
                    ColumnSummary("grade", "number", 0, 90, 0.0, 89.0, 178.0, "2", 0.01),
                ),
            ),
        )


def _fill_versions(app: App, now: datetime) -> None:
    with app.db.write() as conn:
        snapshot = snapshots.append_snapshot(
            conn,
            content_hash="c0ffee" * 8,
            path="snapshots/c0ffee.parquet",
            n_rows=90,
            n_synthetic=0,
            columns=("code_quality", "language"),
            query={},
            first_at=None,
            last_at=None,
            by="ada",
            now=now,
        )
        for number, report in enumerate(
            (
                build_report("baseline", 6.0, passed=True, summary="25 % less error."),
                build_report("advanced", 5.0, passed=True, summary="37 % less error."),
                build_report("advanced", 8.1, passed=False, summary=VERDICT, synthetic=True),
            ),
            start=1,
        ):
            versions.append_version(
                conn,
                snapshot_id=snapshot.id,
                artifact_hash=str(number) * 64,
                report=report,
                by="ada",
                now=now - timedelta(days=8 - number),
            )
        for number, reason in ((0, "before there was a model"), (1, "first model")):
            deployments.append_deployment(
                conn,
                action=Action.DEPLOY,
                plan=Plan(number),
                reason=reason,
                by="grace",
                override=False,
                evidence={},
                now=now - timedelta(days=3 - number),
            )


def _fill_traffic(app: App, now: datetime) -> None:
    asked = [
        Prediction(
            id=f"{n:032x}",
            at=now - timedelta(minutes=5 * n + 1),
            version=1,
            variant=Variant.CHAMPION,
            source=AnswerSource.HEURISTIC if n % 10 == 0 else AnswerSource.MODEL,
            reason=None,
            score=50.0 + n % 20,
            low=None,
            high=None,
            features={"code_quality": float(n)},
            text=None,
            unit_id=None,
            latency_ms=12.0,
            revision=2,
        )
        for n in range(100)
    ]
    with app.db.write() as conn:
        predictions.append_predictions(conn, asked)
        keep_labels(
            conn, (Label(p.id, (p.score or 0.0) + 2.0, p.at, "reviewer", p.at) for p in asked[:80])
        )
    measure(app.db, now, scale=app.settings.scale, tolerance=app.settings.tolerance)
    slow = Reason(
        "latency", Health.WARNING, "p95 latency is 143 ms.", "Look at the newest version."
    )
    see(app.db, HealthReport(Health.WARNING, (slow,), now), now)


def _fill_jobs(app: App, now: datetime) -> None:
    with app.db.write() as conn:
        schedule.claim_lease(conn, SCHEDULER, "worker:plum01:4121:9f3c01ab", now)
        schedule.save_finished(conn, "watch", 60.0, "2 minutes counted", None, now)
        schedule.save_finished(conn, "sync_runs", 300.0, None, "MLflow does not answer.", now)
        failed = jobs.append_job(conn, "import", {}, by="ada", reason="import of x.csv", now=now)
        jobs.claim_job(conn, failed.id, now)
        jobs.save_outcome(
            conn, failed.id, JobStatus.FAILED, result=None, error="x.csv has no rows.", now=now
        )
        running = jobs.append_job(conn, "train", {}, by="grace", reason="new rows", now=now)
        jobs.claim_job(conn, running.id, now)
        jobs.save_progress(conn, running.id, 0.45, "fitting advanced", now)
