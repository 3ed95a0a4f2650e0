"""The predictor's figures in a window, as cards and as charts over time."""

from collections.abc import Sequence

from core import text
from core.bootstrap import App, load_current_settings
from core.domain.monitoring import DriftReport, SegmentReport
from core.domain.prediction import Route, Shortfall
from core.domain.version import Widening
from core.monitoring.measure.label_delay import describe_lag
from core.monitoring.measure.performance import (
    Figures,
    Performance,
    PerformancePoint,
    load_performance,
)
from core.monitoring.measure.traffic import Traffic
from core.monitoring.slices.slice_metrics import list_reports
from core.monitoring.summary import (
    NEWEST_REQUESTS,
    MonitorSummary,
    describe_shortfall,
    list_refusals,
)
from core.settings import Settings
from core.stats.intervals import Interval
from core.store.models import deployments
from core.store.monitoring import drift, health
from core.watching import describe_app_health
from ui import st
from ui.common import charts, filters, metric_cards
from ui.common.filters import TimeWindow
from ui.markup import Markdown, bullets

_ROUTES = {Route.SINGLE: "single", Route.BATCH: "batches"}


def load(app: App, window: TimeWindow) -> tuple[Settings, MonitorSummary]:
    """Load the current settings, the health of now and the figures of a window."""
    return load_current_settings(app), describe_app_health(app, window.length)


def load_drift(app: App) -> DriftReport | None:
    """Load the newest comparison of the serving version's requests with its holdout."""
    with app.db.read() as conn:
        current = deployments.find_current(conn)
        return None if current is None else drift.find_last_report(conn, current.plan.champion)


def load_segments(app: App) -> list[SegmentReport]:
    """Load the error by segment of each version's newest labelled predictions, the serving version
    first."""
    with app.db.read() as conn:
        current = deployments.find_current(conn)
        champion = None if current is None else current.plan.champion
        return list_reports(conn, champion, app.now())


def load_widening(app: App, version: int) -> Widening | None:
    """Load the factor by which labels widened or narrowed a version's intervals; None without
    one."""
    with app.db.read() as conn:
        return health.find_widening(conn, version)


def load_outcomes(app: App, window: TimeWindow, settings: Settings) -> Performance:
    """Load the figures of the labels of a window."""
    now = app.now()
    return load_performance(
        app.db,
        window.start(now),
        now,
        tolerance=settings.tolerance,
        scale=settings.scale,
        min_labels=settings.min_labels,
    )


def show_day(day: MonitorSummary, month: Performance, settings: Settings) -> None:
    """The short version for the overview: the day's traffic, the month's accuracy."""
    traffic, model = day.traffic, month.model
    with metric_cards.row(across=5):
        _show_requests(traffic, filters.DAY)
        _show_estimates(model, settings, text.basis(model.n_labelled, filters.MONTH.words))
        _show_latency(traffic, filters.DAY)
    if model.note:
        st.caption(
            Markdown(":material/info: Labels, {}: {}").format(filters.MONTH.words, model.note)
        )
    if traffic.counts.n_attempted:
        st.markdown(Markdown("**Requests**, {}").format(filters.DAY.words))
        _chart_requests(traffic, filters.DAY)


def show_figures(summary: MonitorSummary, settings: Settings, window: TimeWindow) -> None:
    """Every figure with its unit, its rows and its interval."""
    traffic = summary.traffic
    counts, model = traffic.counts, summary.performance.model
    basis = text.basis(model.n_labelled, window.words)
    with metric_cards.row(across=5):
        _show_requests(traffic, window)
        _show_estimates(model, settings, basis, rmse=True)
        metric_cards.show(
            "Labels",
            text.percent(model.coverage),
            f"{model.n_labelled:,} of {model.n_predictions:,} model scores",
            "Share of the model's scores that have a label.",
        )
        metric_cards.show(
            "Fallback",
            text.percent(counts.fallback_share),
            f"{counts.n_heuristic:,} of {counts.n_taken:,} requests",
            "Share of requests that the heuristic answered because the model could not.",
        )
        metric_cards.show(
            "Errors",
            text.percent(counts.error_rate),
            f"{counts.n_failed:,} of {counts.n_taken:,} requests",
            "Share of requests that got no score for a reason of ours; those that were refused for "
            "a mistake of their callers are not among them.",
        )
        _show_latency(traffic, window)
    if counts.n_attempted:  # else the box below says so
        st.caption(
            Markdown(":material/label: {}").format(describe_lag(summary.lag, summary.window))
        )
        if model.note:
            st.caption(Markdown(":material/info: {}").format(model.note))
    if summary.shortfalls:
        _show_shortfalls(summary.shortfalls, window)
    if len(traffic.routes) > 1:
        _show_routes(traffic)
    if traffic.unanswered:
        st.caption(
            Markdown(":material/block: Calls that are not in the log ({}):\n").format(window.words)
            + bullets(list_refusals(traffic))
        )


def show_charts(summary: MonitorSummary, settings: Settings, window: TimeWindow) -> None:
    """Show the figures over time, two charts a row; a step of a day or less has no interval."""
    traffic = summary.traffic
    if not traffic.counts.n_attempted:
        st.info(
            Markdown(
                "No request in the {}. Send one to `POST /v1/predict`, and its true score to "
                "`POST /v1/feedback`."
            ).format(window.words),
            icon=":material/send:",
        )
        return
    points = summary.performance.series
    few = (
        f"Fewer than {settings.min_labels} labels in every {text.step(traffic.step)}:"
        "\nchoose a longer window"
    )
    within = text.tolerance(settings.tolerance)
    with st.grid(2, min_column_width=400, gap="medium"):
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**Accuracy {}**").format(within))
            _chart_accuracy(points, settings, few, window)
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**MAE**"))
            st.plotly_chart(
                charts.draw_lines(
                    [_line("mae", points)], unit="MAE, points", from_zero=True, empty=few
                ),
                key="chart_mae",
                config=charts.CONFIG,
                alt=f"MAE over the {window.words}",
            )
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**Latency**"))
            _chart_latency(traffic, settings, window)
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**Requests** by who answered"))
            _chart_requests(traffic, window)
    st.markdown(Markdown("**Distribution of the model's scores**"))
    edges = traffic.score_edges
    totals = [sum(counts) for counts in zip(*traffic.score_counts.values(), strict=True)]
    st.plotly_chart(
        charts.draw_histogram(
            dict(zip(edges, totals, strict=False)),
            width=edges[1] - edges[0],
            x=f"score, points of {edges[0]:g} to {edges[-1]:g}",
            y="predictions",
        ),
        key="chart_scores",
        config=charts.CONFIG,
        alt=f"Histogram of the model's scores in the {window.words}",
    )


def _show_requests(traffic: Traffic, window: TimeWindow) -> None:
    counts = traffic.counts
    metric_cards.show(
        "Requests",
        text.number(counts.n_attempted),
        f"{counts.n_model:,} model, {counts.n_heuristic:,} heuristic, {counts.n_failed:,} failed, "
        f"{counts.n_refused:,} refused, {window.words}",
        "All attempts: answered by the model, by the heuristic, failed, or refused for a mistake "
        "of the caller. A batch is one.",
    )


def _show_shortfalls(found: Sequence[Shortfall], window: TimeWindow) -> None:
    st.caption(
        Markdown(
            ":material/rule: Why the model did not answer ({}, among the newest {:,} requests):\n"
        ).format(window.words, NEWEST_REQUESTS)
        + bullets(map(describe_shortfall, found))
    )


def _show_routes(traffic: Traffic) -> None:
    """Show the figures of single requests and of batches apart: neither hides the other."""
    st.dataframe(
        [
            {
                "requests": _ROUTES[route],
                "n": found.n_attempted,
                "rows": found.n_rows,
                "failed": text.percent(found.error_rate),
                "refused": found.n_refused,
                "p50": text.milliseconds(found.p50_ms),
                "p95": text.milliseconds(found.p95_ms),
                "p99": text.milliseconds(found.p99_ms),
            }
            for route, found in traffic.routes.items()
        ],
        column_config={},
        key="routes",
        hide_index=True,
    )


def _show_latency(traffic: Traffic, window: TimeWindow) -> None:
    counts = traffic.counts
    metric_cards.show(
        "Latency p95",
        text.milliseconds(counts.p95_ms),
        f"p50 {text.milliseconds(counts.p50_ms)}, p99 {text.milliseconds(counts.p99_ms)}, "
        f"{window.words}",
        "95 % of requests were answered faster.",
    )


def _chart_accuracy(
    points: tuple[PerformancePoint, ...], settings: Settings, empty: str, window: TimeWindow
) -> None:
    st.plotly_chart(
        charts.draw_lines(
            [_line("accuracy", points)],
            unit=f"scores {text.tolerance(settings.tolerance)}, %",
            as_percent=True,
            empty=empty,
            limits=[
                charts.Limit(settings.accuracy_warning, "warning"),
                charts.Limit(settings.accuracy_critical, "critical"),
            ],
        ),
        key="chart_accuracy",
        config=charts.CONFIG,
        alt=f"Accuracy over the {window.words}",
    )


def _chart_latency(traffic: Traffic, settings: Settings, window: TimeWindow) -> None:
    st.plotly_chart(
        charts.draw_lines(
            [
                _traffic_line(traffic, name, field)
                for name, field in (("p50", "p50_ms"), ("p95", "p95_ms"), ("p99", "p99_ms"))
            ],
            unit="ms",
            limits=[charts.Limit(settings.latency_warning_ms, "p95 warning")],
            from_zero=True,
        ),
        key="chart_latency",
        config=charts.CONFIG,
        alt=f"Latency p50, p95 and p99 over the {window.words}",
    )


def _chart_requests(traffic: Traffic, window: TimeWindow) -> None:
    st.plotly_chart(
        charts.draw_lines(
            [
                _traffic_line(traffic, name, field)
                for name, field in (
                    ("model", "n_model"),
                    ("heuristic", "n_heuristic"),
                    ("failed", "n_failed"),
                    ("refused", "n_refused"),
                )
            ],
            unit=f"requests per {text.step(traffic.step)}",
            from_zero=True,
        ),
        key="chart_requests",
        config=charts.CONFIG,
        alt=f"Requests over the {window.words} by who answered",
    )


def _show_estimates(model: Figures, settings: Settings, basis: str, *, rmse: bool = False) -> None:
    accuracy, mae, skill, naive = model.accuracy, model.mae, model.skill, model.naive
    metric_cards.show(
        f"Accuracy ({text.tolerance(settings.tolerance)})",
        text.percent(accuracy.value if accuracy else None),
        f"{text.interval(accuracy, 1, 100)}, constant baseline {text.percent(naive.accuracy)}, "
        f"{basis}"
        if accuracy and naive
        else basis,
        f"Share of scores {text.tolerance(settings.tolerance)} points of the truth. "
        f"{metric_cards.INTERVAL_HELP} {metric_cards.NAIVE_HELP}",
    )
    _show_error(
        "MAE",
        mae,
        None if naive is None else naive.mae,
        basis,
        "Mean absolute error in points of the scale; less is better.",
    )
    if rmse:
        _show_error(
            "RMSE",
            model.rmse,
            None if naive is None else naive.rmse,
            basis,
            "Root mean squared error, in points: large misses weigh more than in the MAE.",
        )
    metric_cards.show(
        "Skill",
        text.percent(skill.value if skill else None),
        f"{text.interval(skill, 1, 100)}, {basis}" if skill else basis,
        "Reduction of the MAE against the constant baseline; 0 % is no better. "
        f"{metric_cards.INTERVAL_HELP}",
    )


def _show_error(
    name: str, error: Interval | None, naive: float | None, basis: str, meaning: str
) -> None:
    metric_cards.show(
        name,
        text.points(error) if error else text.NOTHING,
        f"{text.interval(error)}, constant baseline {text.figure(naive)}, {basis}"
        if error and naive is not None
        else basis,
        f"{meaning} {metric_cards.INTERVAL_HELP} {metric_cards.NAIVE_HELP}",
    )


def _line(field: str, points: tuple[PerformancePoint, ...]) -> charts.ChartLine:
    found = [getattr(point.figures, field) for point in points]
    return charts.ChartLine(
        field,
        [point.at for point in points],
        [None if one is None else one.value for one in found],
    )


def _traffic_line(traffic: Traffic, name: str, field: str) -> charts.ChartLine:
    return charts.ChartLine(
        name,
        [point.at for point in traffic.series],
        [getattr(point.counts, field) for point in traffic.series],
    )
