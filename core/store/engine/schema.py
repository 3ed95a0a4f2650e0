"""The tables: queries read them, and a new store is created from them."""

import sqlalchemy as sa

from core.store.engine.types import Flag, Json, UtcTime

metadata = sa.MetaData()
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAMED = sa.text("unit_id IS NOT NULL")
_DECIDED = sa.text("decision_id IS NOT NULL")
_GROUPED = sa.text("group_id IS NOT NULL")


def _count(name: str) -> sa.Column[int]:
    """Return the primary key that the database counts up; no number is given twice."""
    return sa.Column(name, Id, sa.Identity(), primary_key=True)


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
    _count("id"),
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
    _count("id"),
    # the time, then a hash of what makes rows the same
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("collection_id", sa.BigInteger, sa.ForeignKey("collections.id"), nullable=False),
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
    sa.Index("samples_external_id", "source", "external_id"),
    sa.Index("samples_collection", "collection_id", "source", "provenance", "superseded_at", "at"),
)

makers = sa.Table(  # whose labelled rows are summed; see store.data.history
    "makers",
    metadata,
    _count("id"),
    sa.Column("synthetic", Flag, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("origin", sa.Double, nullable=False),  # subtracted from each quality
    sa.UniqueConstraint("synthetic", "provider", "model"),
)

history_rows = sa.Table(  # what is summed of each sample
    "history_rows",
    metadata,
    sa.Column("maker_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("known_at", UtcTime, primary_key=True),
    sa.Column("sample_id", sa.BigInteger, primary_key=True, unique=True, autoincrement=False),
    sa.Column("collection_id", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("difference", sa.Double, nullable=False),
    sa.Column("csat", sa.Double),
    sqlite_with_rowid=False,
)

history_sums = sa.Table(  # over the visible rows of an hour, a day or a month
    "history_sums",
    metadata,
    sa.Column("maker_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("width", sa.BigInteger, primary_key=True, autoincrement=False),  # microseconds
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Double, nullable=False),
    sa.Column("squares", sa.Double, nullable=False),
    sa.Column("n_csat", sa.BigInteger, nullable=False),
    sa.Column("csat_total", sa.Double, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

history_changes = sa.Table(  # the sums that change when a collection is finished
    "history_changes",
    metadata,
    sa.Column("collection_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("width", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("maker_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

quality_reports = sa.Table(  # what the data checks found, kept so that no page scans the rows
    "quality_reports",
    metadata,
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("n_rows", sa.BigInteger, nullable=False),
    sa.Column("issues", Json, nullable=False),
    sa.Column("columns", Json, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    _count("id"),
    sa.Column("content_hash", sa.Text, nullable=False, unique=True),
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
    _count("number"),
    sa.Column("snapshot_id", sa.BigInteger, sa.ForeignKey("snapshots.id"), nullable=False),
    sa.Column("artifact_hash", sa.Text, nullable=False),
    sa.Column("report", Json, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)

runs = sa.Table(  # which MLflow run belongs to a version; appended when tracking was reached
    "runs",
    metadata,
    sa.Column(
        "version",
        sa.BigInteger,
        sa.ForeignKey("versions.number"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("logged_at", UtcTime, nullable=False),
)

deployments = sa.Table(
    "deployments",
    metadata,
    _count("revision"),
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
    _count("seq"),
    sa.Column("id", sa.Text, nullable=False, unique=True),
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
    sa.Column("key_id", sa.BigInteger),  # of the API key that asked; null where there was none
    sa.Column("batch_rows", sa.BigInteger),  # null: alone; one row of a batch says how many it has
    sa.Column("decision_id", sa.Text),  # that it was scored for; null for a request of its own
    sa.Column("candidate_id", sa.Text),  # the caller's name for it among the candidates
    sa.Index("predictions_at", "at"),
    sa.Index(
        "predictions_decision", "decision_id", sqlite_where=_DECIDED, postgresql_where=_DECIDED
    ),
    sa.Index("predictions_unit", "unit_id", sqlite_where=_NAMED, postgresql_where=_NAMED),
)

batches = sa.Table(  # answered by columns, and not yet rows of `predictions`
    "batches",
    metadata,
    _count("id"),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("latency_ms", sa.Double, nullable=False),
    sa.Column("n_rows", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.BigInteger),
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
    sa.Column(
        "revision",
        sa.BigInteger,
        sa.ForeignKey("deployments.revision"),
        primary_key=True,
        autoincrement=False,
    ),
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
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("days", sa.Double, nullable=False),
    sa.Column("report", Json, nullable=False),
    sa.Index("replays_version", "version", "id"),
)

labels = sa.Table(  # appended, several of a prediction; `given_by` is the rater
    "labels",
    metadata,
    _count("id"),
    sa.Column("prediction_id", sa.Text, nullable=False),
    sa.Column("actual", sa.Double, nullable=False),
    sa.Column("observed_at", UtcTime, nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("rating", sa.Double),
    sa.Column("key_id", sa.BigInteger),  # of the API key that sent it, whoever it was given by
    sa.Column("chosen_by", sa.Text),  # how the row came to be labelled; null is `feedback`
    sa.Index("labels_prediction", "prediction_id", "id"),
    sa.Index("labels_received", "received_at"),
    sa.Index("labels_given_by", "given_by"),  # who asks for erasure is looked up by name
)

policies = sa.Table(  # appended: rules, in force or not
    "policies",
    metadata,
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("terms", Json, nullable=False),
    sa.Column("figures", Json, nullable=False),
)

policy_changes = sa.Table(  # appended: the newest row of a kind says which policy is in force
    "policy_changes",
    metadata,
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("policy_id", sa.BigInteger, sa.ForeignKey("policies.id"), nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

decisions = sa.Table(  # what policies did to requests; its candidates are predictions
    "decisions",
    metadata,
    _count("seq"),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("policy_id", sa.BigInteger),
    sa.Column("group_id", sa.Text),
    sa.Column("unit_id", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("action", sa.Text),
    sa.Column("prediction_id", sa.Text, nullable=False),
    sa.Column("probability", sa.Double, nullable=False),
    sa.Column("explored", Flag, nullable=False),
    sa.Column("p_bad", sa.Double),
    sa.Column("threshold", sa.Double),
    sa.Column("n_candidates", sa.Integer, nullable=False),
    sa.Column("key_id", sa.BigInteger),
    sa.Index("decisions_at", "at"),
    sa.Index("decisions_prediction", "prediction_id"),
    sa.Index(
        "decisions_group",
        "group_id",
        unique=True,
        sqlite_where=_GROUPED,
        postgresql_where=_GROUPED,
    ),
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
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("n_further", sa.BigInteger, nullable=False),
)

unanswered = sa.Table(  # requests that are not in the log, by what their callers got
    "unanswered",
    metadata,
    sa.Column("minute_at", UtcTime, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("cause", sa.Text, primary_key=True),
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
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
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("until_at", UtcTime, nullable=False),
    sa.Column("n_predictions", sa.BigInteger, nullable=False),
    sa.Column("n_labels", sa.BigInteger, nullable=False),
    sa.Column("n_shadow_scores", sa.BigInteger, nullable=False),
)

clock_jumps = sa.Table(
    "clock_jumps",
    metadata,
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
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
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("health", sa.Text, nullable=False),
    sa.Column("reasons", Json, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    _count("id"),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
)

incident_events = sa.Table(
    "incident_events",
    metadata,
    _count("id"),
    sa.Column("incident_id", sa.BigInteger, sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("until_at", UtcTime),
    sa.Column("cause", sa.Text),  # of the check that said so; null: the incident's own
    sa.Index("incident_events_incident", "incident_id", "id"),
)

deliveries = sa.Table(  # an event on its way to a channel; tests have no event
    "deliveries",
    metadata,
    _count("id"),
    sa.Column("event_id", sa.BigInteger, sa.ForeignKey("incident_events.id")),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("n_attempts", sa.Integer, nullable=False),
    sa.Column("claimed_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("event_id", "channel"),
    sa.Index("deliveries_state", "state", "due_at"),
)

delivery_progress = sa.Table(  # up to which event deliveries were planned; one row at most
    "delivery_progress",
    metadata,
    sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
)

maintenance_windows = sa.Table(  # the newest row is in force; one that ends at once ends it
    "maintenance_windows",
    metadata,
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("until_at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

jobs = sa.Table(
    "jobs",
    metadata,
    _count("id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("args", Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("requested_at", UtcTime, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("heartbeat_at", UtcTime),
    sa.Column("n_heartbeats", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("finished_at", UtcTime),
    sa.Column("pid", sa.Integer),
    sa.Column("progress", sa.Double, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("result", Json),
    sa.Column("error", sa.Text),
    sa.Column("cancel_requested_by", sa.Text),
    sa.Index("jobs_status", "status", "id"),
)

job_lines = sa.Table(
    "job_lines",
    metadata,
    _count("id"),
    sa.Column("job_id", sa.BigInteger, sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
    sa.Index("job_lines_job", "job_id", "id"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("acquired_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("n_renewals", sa.BigInteger, nullable=False, server_default="0"),
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
    _count("id"),
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
    _count("id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Text),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    _count("id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("key_hash", sa.Text, nullable=False, unique=True),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("revoked_at", UtcTime),
    sa.Column("revoked_by", sa.Text),
    sa.Column("expires_at", UtcTime),
    sa.Column("replaced_by", sa.BigInteger),
)

key_uses = sa.Table(  # when a key was last used, to the minute
    "key_uses",
    metadata,
    sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
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
    _count("id"),
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
    _count("id"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("to_at", UtcTime, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("drift_reports_window", "version", "to_at"),
)

segment_reports = sa.Table(  # where in the traffic the error is, going by the labels of a window
    "segment_reports",
    metadata,
    _count("id"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("segment_reports_version", "version", "id"),
)

erasures = sa.Table(  # appended: rows that were deleted, and what had used them; not whose
    "erasures",
    metadata,
    _count("id"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("found", Json, nullable=False),
    sa.Column("old_files", Json, nullable=False),
)

notes = sa.Table(  # appended: what people say of a version; mirrored when tracking was reached
    "notes",
    metadata,
    _count("id"),
    sa.Column("version", sa.BigInteger, sa.ForeignKey("versions.number"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("mirrored_at", UtcTime),
    sa.Index("notes_version", "version", "id"),
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
    _count("id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("n_bytes", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("n_received", sa.BigInteger, nullable=False),
    sa.Column("n_new", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index("watched_files_name", "name", "id"),
    sa.Index("watched_files_content", "content_hash"),
)

widenings = sa.Table(  # appended: how much wider a version's intervals became than training found
    "widenings",
    metadata,
    _count("id"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("factor", sa.Double, nullable=False),
    sa.Column("n_labels", sa.Integer, nullable=False),
    sa.Column("n_inside", sa.Integer, nullable=False),
    sa.Column("since_at", UtcTime),
    sa.Index("widenings_version", "version", "id"),
)

sessions = sa.Table(  # logins at the dashboard; one that ended is kept for 90 days
    "sessions",
    metadata,
    _count("id"),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("authenticated_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("ended_why", sa.Text),
    sa.Column("groups", Json),
)

audit = sa.Table(  # appended: every write that somebody asked for and every refusal, in a chain
    "audit",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=False),  # no number is left out
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("before", Json),
    sa.Column("after", Json),
    sa.Column("row_table", sa.Text),
    sa.Column("row_number", sa.BigInteger),
    sa.Column("row_hash", sa.Text),
    sa.Column("chain", sa.Text, nullable=False),
)

approvals = sa.Table(  # requests that wait for a second person
    "approvals",
    metadata,
    _count("id"),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", UtcTime),
    sa.Index("approvals_digest", "digest", "id"),
)

for _table in metadata.tables.values():
    _table.dialect_options["sqlite"]["autoincrement"] = any(c.identity for c in _table.columns)
