"""Where the program quotes values of rows: each column that holds text is decided on."""

import pytest
import sqlalchemy as sa

from core.domain.dataset import IdKind
from core.store.data import erasures, mentions
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.engine.types import Json
from tests.store.conftest import NOON

QUOTES_NOTHING = {
    "api_keys": "name prefix key_hash scopes created_by revoked_by",
    "api_workers": "name said",
    "approvals": "act target digest reason asked_by state decided_by",
    "audit": "by role via place act target outcome reason before after row_table row_hash chain",
    "clock_jumps": "place",
    "collections": "source started_by mapping",
    "deliveries": "channel label state",
    "deployments": "by action reason ab_test salt",
    "erasures": "by reason found old_files",
    "health_changes": "health",
    "incident_events": "kind severity by cause",
    "incidents": "cause",
    "jobs": "kind status requested_by reason cancel_requested_by",
    "leases": "name holder",
    "maintenance_windows": "by reason",
    "makers": "provider model",
    "migrations": "name",
    "notes": "kind text by",
    "decisions": "kind action",
    "labels": "chosen_by",
    "policies": "by reason kind terms figures",
    "policy_changes": "by kind action reason",
    "replays": "by",
    "retraining_decisions": "signals by",
    "rollup_progress": "basis",
    "rollups": "source latency scores outcomes route",
    "runs": "run_id",
    "scheduled_tasks": "name",
    "sessions": "token_hash email place ended_why groups",
    "setting_changes": "name value by reason",
    "snapshots": "content_hash path columns query created_by file_hash",
    "sources": "name mapping watermark outcome",
    "table_mappings": "table_name mapping by reason",
    "trial_progress": "requests",
    "trial_verdicts": "verdict",
    "unanswered": "route source cause caller",
    "versions": "artifact_hash created_by",
    "watched_attempts": "name",
    "watched_files": "name content_hash",
}
"""Figures, names of the program's own, and what people wrote."""
ROWS_THEMSELVES = {
    "batches": "key body",
    "collections": "rejected",
    "decisions": "id group_id unit_id prediction_id",
    "labels": "prediction_id given_by",
    "predictions": "id variant source reason features text unit_id decision_id candidate_id",
    "quality_reports": "issues columns",
    "samples": "key source provenance external_id group_key features text",
    "shadow_scores": "prediction_id outcome error",
    "sources": "reading",
    "trial_checkpoints": "sums labels",
    "unmatched_labels": "prediction_id",
}
"""Rows, or what is deleted or emptied with them."""


def test_of_each_column_with_text_it_is_decided_whether_it_quotes_rows() -> None:
    decided = {
        f"{table}.{column}"
        for columns in (QUOTES_NOTHING, ROWS_THEMSELVES)
        for table, names in columns.items()
        for column in names.split()
    }
    quoting = {str(column) for column in mentions.QUOTING}
    known = {
        str(column)
        for table in schema.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.Text | sa.LargeBinary | Json)
    }
    assert not decided & quoting
    assert decided | quoting == known


@pytest.mark.parametrize(
    ("name", "said", "left"),
    [
        ("ann-7", "ann-7 and ann-77 and 'ann-7'", "[erased] and ann-77 and '[erased]'"),
        ("7", "7 rows, '7' is none", "7 rows, '[erased]' is none"),
        ("a_b%", "axb% and a_b%", "axb% and [erased]"),
        ('say "no"', 'say "no" twice', "[erased] twice"),
        ("Zoë\\1", "of Zoë\\1.", "of [erased]."),
    ],
)
def test_a_name_is_replaced_as_a_word_in_texts_and_in_json(
    db: Database, name: str, said: str, left: str
) -> None:
    with db.write() as conn:
        conn.execute(schema.incidents.insert().values(cause="drift", opened_at=NOON))
        conn.execute(
            schema.incident_events.insert().values(
                incident_id=1, at=NOON, kind="opened", severity="warning", message=said, by="x"
            )
        )
        conn.execute(
            schema.health_changes.insert().values(
                at=NOON, health="bad", reasons=[{"code": name, "message": said}]
            )
        )
        changed = erasures.delete_rows(conn, IdKind.ID, name)
        assert sorted(changed) == [("health_changes", 1), ("incident_events", 1)]
        assert conn.execute(sa.select(schema.incident_events.c.message)).scalar() == left
        [reason] = conn.execute(sa.select(schema.health_changes.c.reasons)).scalar_one()
    assert reason == {"code": name, "message": left}
