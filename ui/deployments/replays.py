"""The replay of recorded requests with a version, on a click, and its result."""

from datetime import datetime

from core import text
from core.bootstrap import App
from core.domain.actor import Act
from core.domain.deployment import Replay, ReplayReport
from core.domain.job import FINAL
from core.domain.version import version_name
from core.store.jobs import jobs as job_rows
from core.store.models import replays as replay_rows
from core.system import request_job
from ui import st
from ui.common import actions, context, jobs, metric_cards, tables
from ui.markup import Markdown

_DAYS = (1, 7, 30)
_USUAL_DAYS = 7
_KIND = "replay"
_N_JOBS = 20  # among the newest, to find one that runs


def offer(app: App, number: int) -> None:
    """Offer a replay of the last days, or show the one in progress."""
    name = version_name(number)
    with app.db.read() as conn:
        found = job_rows.load_jobs(conn, _N_JOBS, [_KIND])
    running = [job for job in found if job.status not in FINAL and job.args["version"] == name]
    if running:
        jobs.show_job(app, running[0].id)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.segmented_control(
            "Requests of the last",
            _DAYS,
            default=_USUAL_DAYS,
            required=True,
            format_func=lambda n: text.count(n, "day"),
            key="replay_days",
        )
        actions.button(
            f"Replay them with {name}",
            lambda: _request(app, name, days),
            key=f"replay_{number}",
            act=Act.REPLAY,
            icon=":material/replay:",
            help="Scores the requests again with this version; serving is unchanged.",
        )


def find(app: App, number: int) -> Replay | None:
    """Return the newest replay of a version, or None."""
    with app.db.read() as conn:
        return replay_rows.find_newest_replay(conn, number)


def describe(replay: Replay | None, now: datetime) -> str:
    """Return the result in a sentence, for a deployment."""
    if replay is None:
        return "Not replayed on recorded requests yet."
    return f"{replay.report.summary} ({text.ago(replay.at, now)})"


def show(replay: Replay, now: datetime) -> None:
    """Show the verdict of a replay, its figures and the largest changes."""
    report = replay.report
    with st.container(border=True):
        st.markdown(_badge(report) + " " + report.summary)
        st.caption(
            f"Requests from {text.moment(report.from_at)} to {text.moment(report.to_at)}; "
            f"replayed {text.moment_ago(replay.at, now)} by {replay.by}. {report.doubt}"
        )
    _show_figures(report)
    for why, n in report.failures.items():
        st.markdown(Markdown("- {}: {}").format(text.count(n, "request"), why))
    with st.expander("Largest changes", key="replay_changes"):
        _show_changes(report)
    if report.segments:
        with st.expander("By segment", key="replay_segments"):
            _show_segments(report)


def _request(app: App, name: str, days: int) -> str:
    args: dict[str, object] = {"version": name, "days": days}
    job = request_job(
        app, _KIND, args, by=context.get_actor(), reason=f"replay of {name} before it serves"
    )
    return f"{jobs.describe(job)} was requested; its progress is below and survives a reload."


def _badge(report: ReplayReport) -> Markdown:
    gain = report.improvement
    if gain is None:
        return Markdown(":gray-badge[:material/help: Error unknown]")
    if gain.low is None or gain.high is None:
        return Markdown(":gray-badge[:material/help: {}]").format(text.NO_INTERVAL)
    if gain.low > 0:
        return Markdown(":green-badge[:material/trending_up: Smaller error than as served]")
    if gain.high < 0:
        return Markdown(":red-badge[:material/trending_down: Larger error than as served]")
    return Markdown(":blue-badge[:material/drag_handle: No clear difference in error]")


def _show_figures(report: ReplayReport) -> None:
    labelled = f"{text.count(report.n_labelled, 'labelled row')}, {report.basis}"
    with metric_cards.row():
        metric_cards.show(
            "MAE in the replay",
            text.NOTHING if report.mae is None else text.points(report.mae),
            "too few labels"
            if report.mae is None or report.served_mae is None
            else f"{text.interval(report.mae)}; {text.points(report.served_mae)} as served",
            f"On the rows that were served: {labelled}. Without the {report.n_known:,} rows of its "
            f"own snapshot. {metric_cards.INTERVAL_HELP}",
        )
        metric_cards.show(
            "Reduction of the MAE",
            text.NOTHING if report.improvement is None else text.points(report.improvement),
            "too few labels" if report.improvement is None else text.interval(report.improvement),
            "MAE as served minus this version's, on the same rows; above 0 is better. "
            f"{metric_cards.INTERVAL_HELP}",
        )
        metric_cards.show(
            "Without a model score",
            text.percent(report.fallback_share),
            f"{report.n_failed:,} failed, {report.n_fallback:,} without usable features, of "
            f"{report.n_requests:,}",
            "The heuristic would answer these.",
        )
        latency = report.latency_ms
        metric_cards.show(
            "Latency p95",
            text.milliseconds(latency.get("p95")),
            f"p50 {text.milliseconds(latency.get('p50'))}, {report.n_timed:,} rows alone; "
            f"{report.n_at_limit:,} scores at an end of the scale",
            "Time to score one row, without the log.",
        )


def _show_changes(report: ReplayReport) -> None:
    tables.show(
        [
            {
                "when (UTC)": change.at,
                "served by": version_name(change.served_by),
                "served": change.served,
                "replayed": change.replayed,
                "change": change.replayed - change.served,
                "true": change.actual,
                "prediction": change.prediction_id,
            }
            for change in report.changes
        ],
        key="replay_changes_table",
        alt="The requests whose score would change most",
        columns={
            "when (UTC)": tables.time(),
            **dict.fromkeys(("served", "replayed", "change", "true"), tables.figure()),
        },
    )


def _show_segments(report: ReplayReport) -> None:
    tables.show(
        [
            {
                "segment": segment.name,
                "requests": segment.n,
                "mean change": segment.change,
                "labelled": segment.n_labelled,
                "MAE": segment.mae,
                "MAE as served": segment.served_mae,
            }
            for segment in report.segments
        ],
        key="replay_segments_table",
        alt="Changes by category, largest first",
        columns={
            "requests": tables.whole(),
            "labelled": tables.whole(),
            **dict.fromkeys(("mean change", "MAE", "MAE as served"), tables.figure()),
        },
    )
