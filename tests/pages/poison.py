"""A store in which every text that somebody else than our source chose is hostile, each in a way
that tells from which column it is."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from core.bootstrap import App
from core.domain.actor import Act, AuditEntry, AuditOutcome, Role
from core.domain.dataset import Erasure, Trace
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyAction, PolicyKind, PolicyTerms
from core.domain.deployment import Action, Plan, RetrainingDecision
from core.domain.incident import DeliveryState, Maintenance
from core.domain.installation import ApiWorker, Scope, SettingChange, StageTime
from core.domain.job import JobStatus
from core.domain.monitoring import (
    DriftCheck,
    DriftReport,
    GroupFigures,
    LiveEstimate,
    Segment,
    SegmentReport,
    Subject,
)
from core.domain.prediction import AnswerSource
from core.domain.version import Note, NoteKind
from core.store.data import erasures, samples
from core.store.engine import schema
from core.store.engine.types import Json
from core.store.installation import api_keys, api_workers, audit, setting_changes
from core.store.jobs import jobs
from core.store.models import deployments, policies, replays, versions
from core.store.monitoring import deliveries, drift, segments
from core.store.predictions import decisions, predictions
from tests.fakes import make_prediction
from tests.people import ask_approval
from tests.store.models.test_replays import REPORT

PORT = 1
SHOWN, KEPT = "shown", "kept"
"""A page shows it; or it is poisoned as well, and no page shows it."""

COLUMNS = {
    "approvals": {
        "act": "a choice of ours",
        "target": SHOWN,
        "digest": "made by us",
        "reason": SHOWN,
        "asked_by": SHOWN,
        "state": "a choice of ours",
        "decided_by": KEPT,
    },
    "audit": {
        "by": SHOWN,
        "role": "a choice of ours",
        "via": "made by us",
        "place": SHOWN,
        "act": "a choice of ours",
        "target": SHOWN,
        "outcome": "a choice of ours",
        "reason": SHOWN,
        "before": KEPT,
        "after": KEPT,
        "row_table": "a choice of ours",
        "row_hash": "made by us",
        "chain": "made by us",
    },
    "api_keys": {
        "name": SHOWN,
        "prefix": "made by us",
        "key_hash": "made by us",
        "scopes": "a choice of ours",
        "created_by": SHOWN,
        "revoked_by": KEPT,
    },
    "api_workers": {"name": KEPT, "said": SHOWN},
    "batches": {"key": "made by us", "body": "moved to predictions before it is shown"},
    "clock_jumps": {"place": "the name of a machine and the number of a process"},
    "collections": {
        "source": SHOWN,
        "started_by": SHOWN,
        "rejected": SHOWN,
        "mapping": KEPT,
        "error": SHOWN,
    },
    "deliveries": {
        "channel": "a hash of ours",
        "label": SHOWN,
        "state": "a choice of ours",
        "error": SHOWN,
    },
    "deployments": {
        "by": SHOWN,
        "action": "a choice of ours",
        "reason": SHOWN,
        "ab_test": KEPT,
        "salt": "made by us",
        "evidence": SHOWN,
    },
    "drift_references": {"body": "counts; what is shown of it is in drift_reports"},
    "drift_reports": {"body": SHOWN},
    "decisions": {
        "id": "made by us",
        "kind": "a choice of ours",
        "group_id": KEPT,
        "unit_id": SHOWN,
        "action": "a choice of ours",
        "prediction_id": "the id of a prediction",
    },
    "erasures": {"by": SHOWN, "reason": SHOWN, "found": "numbers", "old_files": KEPT},
    "health_changes": {"health": "a choice of ours", "reasons": KEPT},
    "incident_events": {
        "kind": "a choice of ours",
        "severity": "a choice of ours",
        "message": SHOWN,
        "by": SHOWN,
        "cause": "a check of ours",
    },
    "incidents": {"cause": "a check of ours"},
    "job_lines": {"line": SHOWN},
    "jobs": {
        "kind": "a choice of ours",
        "args": KEPT,
        "status": "a choice of ours",
        "requested_by": SHOWN,
        "reason": SHOWN,
        "message": SHOWN,
        "result": SHOWN,
        "error": SHOWN,
        "cancel_requested_by": SHOWN,
    },
    "labels": {
        "prediction_id": "the id of a prediction",
        "given_by": SHOWN,
        "chosen_by": "a choice of ours",
    },
    "leases": {"name": "a choice of ours", "holder": SHOWN},
    "maintenance_windows": {"by": SHOWN, "reason": SHOWN},
    "migrations": {"name": "ours"},
    "makers": {"provider": KEPT, "model": KEPT},
    "notes": {"kind": "a choice of ours", "text": SHOWN, "by": SHOWN},
    "policies": {
        "kind": "a choice of ours",
        "terms": "numbers and choices of ours",
        "figures": "numbers",
        "by": SHOWN,
        "reason": SHOWN,
    },
    "policy_changes": {
        "kind": "a choice of ours",
        "action": "a choice of ours",
        "by": KEPT,
        "reason": KEPT,
    },
    "predictions": {
        "id": "made by us",
        "decision_id": "the id of a decision",
        "candidate_id": KEPT,
        "variant": "a choice of ours",
        "source": "a choice of ours",
        "reason": SHOWN,
        "features": SHOWN,
        "text": KEPT,
        "unit_id": KEPT,
    },
    "quality_reports": {"issues": SHOWN, "columns": SHOWN},
    "replays": {"by": SHOWN, "report": SHOWN},
    "retraining_decisions": {"reasons": SHOWN, "signals": "choices of ours", "by": SHOWN},
    "rollup_progress": {"basis": "ours"},
    "rollups": {
        "source": "a choice of ours",
        "latency": "numbers",
        "scores": "numbers",
        "outcomes": "numbers",
        "route": "a choice of ours",
    },
    "runs": {"run_id": SHOWN},
    "samples": {
        "key": "made by us",
        "source": SHOWN,
        "provenance": "a choice of ours",
        "external_id": KEPT,
        "group_key": KEPT,
        "features": KEPT,
        "text": KEPT,
    },
    "scheduled_tasks": {"name": "a task of ours", "last_outcome": SHOWN, "last_error": SHOWN},
    "segment_reports": {"body": SHOWN},
    "sessions": {
        "token_hash": "made by us",
        "email": "an address that the login provider signed and the settings list",
        "place": "an address of the network",
        "groups": "texts that the login provider signed",
        "ended_why": "a choice of ours",
    },
    "setting_changes": {"name": "a setting of ours", "value": SHOWN, "by": SHOWN, "reason": SHOWN},
    "shadow_scores": {
        "prediction_id": "the id of a prediction",
        "outcome": "a choice of ours",
        "error": KEPT,
    },
    "snapshots": {
        "content_hash": "made by us",
        "path": "made by us",
        "columns": KEPT,
        "query": KEPT,
        "created_by": SHOWN,
        "file_hash": "made by us",
    },
    "sources": {
        "name": SHOWN,
        "mapping": KEPT,
        "watermark": "times and numbers",
        "reading": "times and numbers",
        "outcome": "a choice of ours",
        "message": SHOWN,
    },
    "table_mappings": {"table_name": KEPT, "mapping": KEPT, "by": KEPT, "reason": KEPT},
    "trial_checkpoints": {"sums": KEPT, "labels": "numbers"},
    "trial_progress": {"requests": "numbers"},
    "trial_verdicts": {"verdict": "a choice of ours"},
    "unanswered": {
        "route": "a choice of ours",
        "source": "a choice of ours",
        "cause": "a choice of ours",
        "caller": "the number of a key, or an address of the network",
    },
    "unmatched_labels": {"prediction_id": "the id of a prediction"},
    "versions": {"artifact_hash": "made by us", "report": SHOWN, "created_by": SHOWN},
    "watched_attempts": {"name": KEPT},
    "watched_files": {"name": KEPT, "content_hash": "made by us", "error": KEPT},
}
"""Every column that holds text: whether it is poisoned, and if not, who writes it."""

_SEEDS = ("language", "python", "SEED", "grade", "the reason of the gate", "less error", "'n/a'")
"""Words in the JSON of a filled store in whose place poison comes."""


def list_text_columns() -> dict[str, set[str]]:
    """The columns of the schema that can hold text."""
    kinds = (sa.Text, Json, sa.LargeBinary)
    found = {
        name: {column.name for column in table.columns if isinstance(column.type, kinds)}
        for name, table in schema.metadata.tables.items()
    }
    return {name: columns for name, columns in found.items() if columns}


def list_shown() -> Iterator[str]:
    """The columns that a page shows, as `table.column`."""
    for table, columns in COLUMNS.items():
        yield from (f"{table}.{name}" for name, how in columns.items() if how == SHOWN)


def build_marker(where: str, port: int = PORT) -> str:
    """A text that says where it is from, and that loads an image wherever it is markup."""
    return f"![{where}](http://127.0.0.1:{port}/{where}) <b>*b*</b> :red[r] $x$"


def poison(app: App, port: int = PORT) -> None:
    """Fill what a full store still lacks, and then put a marker into every column."""
    _fill(app)
    with app.db.write() as conn:
        for table, columns in COLUMNS.items():
            for name, how in columns.items():
                if how in (SHOWN, KEPT):
                    marker = build_marker(f"{table}.{name}", port)
                    _poison_column(conn, schema.metadata.tables[table], name, marker)


def _poison_column(conn: sa.Connection, table: sa.Table, name: str, marker: str) -> None:
    column = table.c[name]
    if not isinstance(column.type, Json):
        unique = column.primary_key
        text: sa.ColumnElement[str] = sa.literal(marker)
        conn.execute(
            table.update()
            .where(column.is_not(None))
            .values({name: text + column if unique else text})
        )
        return
    raw: sa.ColumnElement[str] = sa.type_coerce(column, sa.Text)
    for seed in _SEEDS:
        raw = sa.func.replace(raw, seed, json.dumps(marker)[1:-1])
    conn.execute(table.update().values({name: sa.type_coerce(raw, column.type)}))


def _fill(app: App) -> None:
    now, hour = app.now(), timedelta(hours=1)
    with app.db.write() as conn:
        deliveries.append_window(conn, Maintenance(now, now + hour, "SEED", "SEED"))
        ask_approval(conn, now, target="SEED", by="SEED", reason="SEED")
        audit.append_entry(
            conn,
            AuditEntry(
                id=1,
                at=now,
                by="SEED",
                role=Role.ADMIN,
                via="command line",
                place="SEED",
                act=Act.DEPLOY,
                target="SEED",
                outcome=AuditOutcome.DONE,
                reason="SEED",
                before="SEED",
                after={"SEED": "SEED"},
                row_table=None,
                row_number=None,
                row_hash=None,
                chain="c",
            ),
        )
        for prefix in ("pl_a", "pl_b"):
            api_keys.append_key(
                conn,
                name=prefix,
                prefix=prefix,
                key_hash=prefix * 8,
                scopes=frozenset(Scope),
                by="SEED",
                now=now,
            )
        versions.append_note(conn, Note(1, NoteKind.NOTE, "SEED", now, "SEED"))
        erasures.append_erasure(conn, Erasure(now, "SEED", "SEED", Trace(1, 1, ()), ("SEED",)))
        setting_changes.append_change(
            conn, SettingChange("retrain_after_days", "30", now, "SEED", "SEED")
        )
        deployments.append_decision(
            conn, RetrainingDecision(now, False, ("SEED",), ("age",), None, "SEED")
        )
        worker = ApiWorker(
            name="host:7",
            started_at=now - hour,
            at=now,
            version="v1",
            n_requests=9,
            measured_at=now,
            stages={"parse": StageTime(9, 1.0, 1.0)},
            cache_asked=1,
            cache_found=1,
            scorer="pipeline",
            scorer_reason="SEED",
            n_waiting=0,
        )
        api_workers.save_worker(conn, worker)
        versions.append_run(conn, 1, "SEED", now)
        failed = samples.start_collection(conn, "SEED", {}, "SEED", now)
        samples.fail_collection(conn, failed, "SEED")
        conn.execute(
            schema.sources.insert().values(
                name="supabase:SEED",
                mapping={},
                attempt=1,
                started_at=now,
                outcome="failed",
                message="SEED",
                n_received=0,
                n_new=0,
            )
        )
        _fill_reports(conn, app)
        _fill_jobs(conn, app)
        _fill_deliveries(conn, app)
        _fill_traffic(conn, app)


def _fill_reports(conn: sa.Connection, app: App) -> None:
    now = app.now()
    check = DriftCheck(
        "language",
        True,
        Subject.VALUES,
        effect=0.8,
        noise=0.1,
        minimum=0.1,
        p_value=1e-9,
        passed=True,
        confirmed=True,
        importance=0.75,
        effect_on_mae=1.5,
        bins=("python", "SEED"),
        before=(0.5, 0.5),
        now=(0.1, 0.9),
    )
    drift.append_report(
        conn,
        DriftReport(
            1,
            now,
            now,
            now,
            n_requests=900,
            n_rows=900,
            checks=(check, replace(check, column="SEED", confirmed=False)),
            n_columns=2,
            reference_mae=6.0,
            basis="SEED",
            drifted=("language",),
        ),
    )
    figures = GroupFigures("language", "python", 3)
    part = Segment("language", "language = python", 40, 0.4, 9.0, 3.0, 0.7, 0.001)
    segments.save_report(
        conn, SegmentReport(1, now, now, now, 100, 12, (part,), (figures,), (figures,))
    )
    report = replace(
        REPORT,
        failures={"SEED": 1},
        doubt="SEED",
        summary="SEED",
        improvement=LiveEstimate(1, 0, 2),
    )
    replays.append_replay(conn, version=2, days=7.0, report=report, by="SEED", now=now)
    deployments.append_deployment(
        conn,
        action=Action.DEPLOY,
        plan=Plan(1),
        reason="SEED",
        by="SEED",
        override=False,
        evidence={"replay": {"summary": "SEED"}},
        now=now,
    )


def _fill_jobs(conn: sa.Connection, app: App) -> None:
    now = app.now()
    results: Sequence[tuple[str, dict[str, object]]] = (
        ("collect", {"sources": [{"name": "SEED", "message": "SEED"}]}),
        ("preview", {"summary": "SEED", "verdict": "helps"}),
        ("predict", {"n_rows": 3, "version": "v1", "out": "SEED"}),
    )
    for kind, result in results:
        job = jobs.append_job(conn, kind, {"path": "SEED"}, by="SEED", reason="SEED", now=now)
        jobs.claim_job(conn, job.id, now)
        jobs.save_progress(conn, job.id, 0.5, "SEED", now)
        jobs.save_outcome(conn, job.id, JobStatus.DONE, result=result, error=None, now=now)
    running = jobs.append_job(conn, "replay", {"version": "v2"}, by="SEED", reason="SEED", now=now)
    jobs.claim_job(conn, running.id, now)
    jobs.save_progress(conn, running.id, 0.5, "SEED", now)
    jobs.request_cancel(conn, running.id, "SEED", now)


def _fill_deliveries(conn: sa.Connection, app: App) -> None:
    event = conn.execute(sa.select(sa.func.min(schema.incident_events.c.id))).scalar_one()
    row = {
        "event_id": event,
        "channel": "c0ffee",
        "label": "SEED",
        "state": DeliveryState.FAILED,
        "due_at": app.now(),
        "error": "SEED",
    }
    deliveries.append_deliveries(conn, [row], app.now())


def _fill_traffic(conn: sa.Connection, app: App) -> None:
    made = make_prediction(
        "f" * 32,
        at=app.now(),
        source=AnswerSource.FAILED,
        score=None,
        reason="SEED",
        unit_id="SEED",
    )
    predictions.append_predictions(conn, [replace(made, features={"language": "python"})])
    terms = PolicyTerms(PolicyKind.PICK)
    rule = policies.append_policy(conn, terms, figures={}, by="SEED", reason="SEED", now=app.now())
    policies.append_change(
        conn, rule, PolicyAction.PUT_IN_FORCE, by="SEED", reason="SEED", now=app.now()
    )
    decision = LoggedDecision(
        id="d" * 32,
        at=app.now(),
        kind=PolicyKind.PICK,
        policy_id=rule.id,
        group_id="SEED",
        unit_id="SEED",
        attempt=1,
        action=None,
        prediction_id=made.id,
        probability=1.0,
        explored=False,
        p_bad=None,
        threshold=None,
        n_candidates=2,
    )
    decisions.append_decisions(conn, [decision])
