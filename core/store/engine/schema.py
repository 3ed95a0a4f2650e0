"""The tables as queries see them; `migrations` creates them, and a test holds that both agree."""

import sqlalchemy as sa

from core.store.engine.types import Flag, Json, UtcTime

metadata = sa.MetaData()
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

migrations = sa.Table(
    "migrations",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("applied_at", UtcTime, nullable=False),
)

collections = sa.Table(
    "collections",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("started_by", sa.Text, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Column("n_received", sa.BigInteger, nullable=False),
    sa.Column("n_new", sa.BigInteger, nullable=False),
    sa.Column("n_duplicate", sa.BigInteger, nullable=False),
    sa.Column("n_rejected", sa.BigInteger, nullable=False),
    sa.Column("rejected", Json, nullable=False),
    sa.Column("mapping", Json, nullable=False),
    sa.Column("error", sa.Text),
)

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),  # the time, then a hash of what makes rows the same
    sa.Column("collection_id", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("provenance", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("at", UtcTime),
    sa.Column("group_key", sa.Text),
    sa.Column("target", sa.Double, nullable=False),
    sa.Column("features", Json, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("superseded_at", UtcTime),  # a corrected row of the same external id took over
    sa.Column("labelled_at", UtcTime),  # when the target was known, where that was later than `at`
)

history_makers = (
    sa.Table(  # whose histories there are: what is known, and what waits in a collection
        "history_makers",
        metadata,
        sa.Column("id", Id, primary_key=True),
        sa.Column("synthetic", Flag, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("collection_id", sa.BigInteger, nullable=False),  # 0 for what is known
        sa.Column(
            "wrong_from", UtcTime
        ),  # sums from here on are made when the collection is finished
    )
)

history = sa.Table(  # running sums over what was known of a maker; see store.history
    "history",
    metadata,
    sa.Column("sample_id", Id, primary_key=True, autoincrement=False),
    sa.Column("maker_id", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("known_at", UtcTime, nullable=False),
    sa.Column("quality", sa.Double, nullable=False),
    sa.Column("csat", sa.Double),
    sa.Column("origin", sa.Double),
    sa.Column("n", sa.BigInteger),
    sa.Column("total", sa.Double),
    sa.Column("squares", sa.Double),
    sa.Column("n_csat", sa.BigInteger),
    sa.Column("csat_total", sa.Double),
    sa.Column("seen_at", UtcTime),
)

quality_reports = sa.Table(  # what the data checks found, kept so that no page scans the rows
    "quality_reports",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("n_rows", sa.BigInteger, nullable=False),
    sa.Column("issues", Json, nullable=False),
    sa.Column("columns", Json, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("n_rows", sa.BigInteger, nullable=False),
    sa.Column("n_synthetic", sa.BigInteger, nullable=False),
    sa.Column("columns", Json, nullable=False),
    sa.Column("query", Json, nullable=False),
    sa.Column("first_at", UtcTime),
    sa.Column("last_at", UtcTime),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("file_hash", sa.Text),  # over the rows that are left, where some were deleted
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("number", Id, primary_key=True),
    sa.Column("snapshot_id", sa.BigInteger, nullable=False),
    sa.Column("artifact_hash", sa.Text, nullable=False),
    sa.Column("report", Json, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)

runs = sa.Table(  # which MLflow run belongs to a version; appended when tracking was reached
    "runs",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("logged_at", UtcTime, nullable=False),
)

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("revision", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("champion", sa.BigInteger, nullable=False),
    sa.Column("challenger", sa.BigInteger),
    sa.Column("traffic", sa.Double, nullable=False),
    sa.Column("ab_test", sa.Text),
    sa.Column("salt", sa.Text),
    sa.Column("override", Flag, nullable=False),
    sa.Column("evidence", Json, nullable=False),
)

predictions = sa.Table(
    "predictions",
    metadata,
    sa.Column("seq", Id, primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("variant", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("score", sa.Double),
    sa.Column("low", sa.Double),
    sa.Column("high", sa.Double),
    sa.Column("features", Json, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("unit_id", sa.Text),
    sa.Column("latency_ms", sa.Double, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("event_at", UtcTime),
)

batches = sa.Table(  # answered by columns, and not yet rows of `predictions`; see store.batches
    "batches",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("latency_ms", sa.Double, nullable=False),
    sa.Column("n_rows", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

shadow_scores = sa.Table(  # what the version that did not answer would have said
    "shadow_scores",
    metadata,
    sa.Column("prediction_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("score", sa.Double),
    sa.Column("latency_ms", sa.Double, nullable=False),
    sa.Column("error", sa.Text),
)

trial_verdicts = sa.Table(  # appended at a trial's first crossing
    "trial_verdicts",
    metadata,
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("n_differences", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("low", sa.Double, nullable=False),
    sa.Column("high", sa.Double, nullable=False),
)

trial_checkpoints = sa.Table(  # what the labelled pairs of a trial add up to before a moment
    "trial_checkpoints",
    metadata,
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("until_at", UtcTime, primary_key=True),
    sa.Column("sums", Json, nullable=False),
    sa.Column("labels", Json, nullable=False),
)

trial_progress = sa.Table(  # up to which rows the checkpoints are right; one row a trial
    "trial_progress",
    metadata,
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("request_seq", sa.BigInteger, nullable=False),
    sa.Column("prediction_seq", sa.BigInteger, nullable=False),
    sa.Column("label_id", sa.BigInteger, nullable=False),
    sa.Column("requests", Json, nullable=False),
)

replays = sa.Table(
    "replays",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("days", sa.Double, nullable=False),
    sa.Column("report", Json, nullable=False),
)

labels = sa.Table(
    "labels",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("prediction_id", sa.Text, nullable=False),
    sa.Column("actual", sa.Double, nullable=False),
    sa.Column("observed_at", UtcTime, nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("rating", sa.Double),
)

rollups = sa.Table(
    "rollups",
    metadata,
    sa.Column("seconds", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("start_at", UtcTime, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("latency", Json, nullable=False),
    sa.Column("scores", Json, nullable=False),
    sa.Column("outcomes", Json, nullable=False),
)

rollup_progress = sa.Table(  # up to which row the rollups count, in what unit; one row at most
    "rollup_progress",
    metadata,
    sa.Column("basis", sa.Text, primary_key=True),
    sa.Column("prediction_seq", sa.BigInteger, nullable=False),
    sa.Column("label_id", sa.BigInteger, nullable=False),
    sa.Column("measured_at", UtcTime, nullable=False),
)

feedback_progress = sa.Table(  # up to where labelled predictions became samples; one row at most
    "feedback_progress",
    metadata,
    sa.Column("label_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("prediction_seq", sa.BigInteger, nullable=False),
)

removals = sa.Table(  # old predictions that were removed; a run's row grows until it ends
    "removals",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("until_at", UtcTime, nullable=False),
    sa.Column("n_predictions", sa.BigInteger, nullable=False),
    sa.Column("n_labels", sa.BigInteger, nullable=False),
    sa.Column("n_shadow_scores", sa.BigInteger, nullable=False),
)

api_workers = sa.Table(  # what each API worker said of itself last
    "api_workers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("said", Json, nullable=False),
)

unmatched_labels = sa.Table(  # labels of predictions that are not in the log (yet)
    "unmatched_labels",
    metadata,
    sa.Column("prediction_id", sa.Text, primary_key=True),
)

health_changes = sa.Table(
    "health_changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("health", sa.Text, nullable=False),
    sa.Column("reasons", Json, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
)

incident_events = sa.Table(
    "incident_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("incident_id", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("until_at", UtcTime),
    sa.Column("cause", sa.Text),  # of the check that said so; null: the incident's own
)

deliveries = sa.Table(  # an event on its way to a channel; tests have no event
    "deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("event_id", sa.BigInteger),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("n_attempts", sa.Integer, nullable=False),
    sa.Column("claimed_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("error", sa.Text),
)

delivery_progress = sa.Table(  # up to which event deliveries were planned; one row at most
    "delivery_progress",
    metadata,
    sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
)

maintenance_windows = sa.Table(  # the newest row is in force; one that ends at once ends it
    "maintenance_windows",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("until_at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("args", Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("requested_at", UtcTime, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("heartbeat_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("pid", sa.Integer),
    sa.Column("progress", sa.Double, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("result", Json),
    sa.Column("error", sa.Text),
    sa.Column("cancel_requested_by", sa.Text),
)

job_lines = sa.Table(
    "job_lines",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("job_id", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("acquired_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
)

scheduled_tasks = sa.Table(
    "scheduled_tasks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("every_seconds", sa.Double, nullable=False),
    sa.Column("last_started_at", UtcTime),
    sa.Column("last_finished_at", UtcTime),
    sa.Column("last_outcome", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("next_run_at", UtcTime),
)

retraining_decisions = sa.Table(
    "retraining_decisions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("retrain", Flag, nullable=False),
    sa.Column("reasons", Json, nullable=False),
    sa.Column("signals", Json, nullable=False),
    sa.Column("job_id", sa.BigInteger),
    sa.Column("by", sa.Text, nullable=False),
)

setting_changes = sa.Table(
    "setting_changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Text),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("key_hash", sa.Text, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("revoked_at", UtcTime),
    sa.Column("revoked_by", sa.Text),
)

sources = sa.Table(  # up to where a source was read, and how the last attempt at it went
    "sources",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("mapping", Json, nullable=False),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Column("watermark", Json),
    sa.Column("reading", Json),
    sa.Column("outcome", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("n_received", sa.BigInteger, nullable=False),
    sa.Column("n_new", sa.BigInteger, nullable=False),
)

table_mappings = sa.Table(
    "table_mappings",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("mapping", Json),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

drift_references = sa.Table(  # a version's inputs and scores on its holdout, as counts
    "drift_references",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("body", Json, nullable=False),
)

drift_reports = sa.Table(  # what the requests of a window were against it
    "drift_reports",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("to_at", UtcTime, nullable=False),
    sa.Column("body", Json, nullable=False),
)

segment_reports = sa.Table(  # where in the traffic the error is, going by the labels of a window
    "segment_reports",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("body", Json, nullable=False),
)

erasures = sa.Table(  # appended: rows that were deleted, and what had used them; not whose
    "erasures",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("found", Json, nullable=False),
    sa.Column("old_files", Json, nullable=False),
)

notes = sa.Table(  # appended: what people say of a version; mirrored when tracking was reached
    "notes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("mirrored_at", UtcTime),
)

watched_attempts = sa.Table(  # files that are being read, or whose reading ended the process
    "watched_attempts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("n_bytes", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
)

watched_files = sa.Table(  # appended: what came of each file of the watched folder
    "watched_files",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("n_bytes", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("n_received", sa.BigInteger, nullable=False),
    sa.Column("n_new", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
)

widenings = sa.Table(  # appended: how much wider a version's intervals became than training found
    "widenings",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("factor", sa.Double, nullable=False),
    sa.Column("n_labels", sa.Integer, nullable=False),
    sa.Column("n_inside", sa.Integer, nullable=False),
    sa.Column("since_at", UtcTime),
)

sessions = sa.Table(  # logins at the dashboard; a row is ended, never deleted
    "sessions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("token_hash", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("authenticated_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("ended_why", sa.Text),
)
