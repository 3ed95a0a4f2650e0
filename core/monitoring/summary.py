"""The summary of monitoring that the pages show and `monitor --json` prints."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from core.domain.incident import Incident
from core.domain.monitoring import DriftCheck, DriftReport, HealthReport, SegmentReport
from core.domain.prediction import AnswerSource, Route, Shortfall
from core.domain.version import Widening, describe_widening, version_name
from core.monitoring.drift.expected_error import describe_estimate
from core.monitoring.health.service_checks import describe_unanswered
from core.monitoring.measure.label_delay import Lag, describe_lag
from core.monitoring.measure.performance import Figures, Performance
from core.monitoring.measure.traffic import Counts, Traffic
from core.monitoring.slices.segments import describe_segment
from core.stats.intervals import Interval

NOT_MEASURED = "Drift was not measured yet: the worker does it every hour."

NEWEST_REQUESTS = 10_000
"""The requests of a window among which it is looked why no model answered."""


@dataclass(frozen=True, slots=True)
class MonitorSummary:
    """The health of now, and the figures of a window."""

    report: HealthReport
    window: timedelta
    champion: int | None
    synthetic: bool  # the champion was trained on generated rows
    synthetic_versions: tuple[int, ...]  # of those that were asked in the window
    lag: Lag  # of the window's labels
    drift: DriftReport | None  # the champion's newest window
    segments: tuple[SegmentReport, ...]  # of each version's newest labels, the champion's first
    widening: Widening | None  # of its intervals
    traffic: Traffic
    performance: Performance
    shortfalls: tuple[Shortfall, ...]  # of the window's newest requests, the most frequent first
    incidents: tuple[Incident, ...]  # that last, oldest first
    n_unmatched_labels: int  # labels of predictions that are not in the log
    n_unmeasured: int  # predictions that no figure counts yet, at most 10,000
    measured_at: datetime | None

    def find_segments(self, version: int | None) -> SegmentReport | None:
        """Return the segment report of a version; None if it has none."""
        return next((report for report in self.segments if report.version == version), None)


def describe_shortfall(shortfall: Shortfall) -> str:
    """Describe how many requests no model answered, and why.

    >>> describe_shortfall(Shortfall(AnswerSource.FAILED, "v3 cannot be loaded.", 1_204))
    '1,204 failed: v3 cannot be loaded.'
    """
    return f"{shortfall.n:,} {_HOW[shortfall.source]}: {shortfall.reason}"


_HOW = {
    AnswerSource.MODEL: "answered by the model",
    AnswerSource.HEURISTIC: "answered by the heuristic",
    AnswerSource.FAILED: "failed",
    AnswerSource.REFUSED: "refused",
}


def list_refusals(traffic: Traffic) -> list[str]:
    """Return a sentence on each cause of refusals and failures that are not in the log, and its
    caller, most first."""
    return [f"{_name_route(one.route)}{describe_unanswered(one)}." for one in traffic.unanswered]


def _name_route(route: str) -> str:
    return "" if route == Route.SINGLE else f"{route}: "


def build_json(summary: MonitorSummary) -> dict[str, object]:
    """The summary as one JSON object; a figure without data is None."""
    counts, figures = summary.traffic.counts, summary.performance.model
    return {
        "health": summary.report.health.value,
        "reasons": [
            {
                "code": reason.code,
                "health": reason.health.value,
                "message": reason.message,
                "next_step": reason.next_step,
                "confirmed": reason.confirmed,
            }
            for reason in summary.report.reasons
        ],
        "at": summary.report.at.isoformat(),
        "window": {
            "from_at": summary.traffic.from_at.isoformat(),
            "to_at": summary.traffic.to_at.isoformat(),
            "seconds": summary.window.total_seconds(),
        },
        "champion": None if summary.champion is None else version_name(summary.champion),
        "synthetic": summary.synthetic,
        "n_predictions": counts.n_rows,
        "n_requests": counts.n_attempted,
        "n_model": counts.n_model,
        "n_fallback": counts.n_heuristic,
        "n_failed": counts.n_failed,
        "n_refused": counts.n_refused,
        "n_labelled": counts.n_labelled,
        "n_unmatched_labels": summary.n_unmatched_labels,
        "n_unmeasured": summary.n_unmeasured,
        "measured_at": None if summary.measured_at is None else summary.measured_at.isoformat(),
        "coverage": counts.coverage,
        "labels": {
            "n_scored": summary.lag.n_scored,
            "n_labelled": summary.lag.n_labelled,
            "coverage": summary.lag.coverage,
            "median_delay_seconds": _seconds(summary.lag.median),
            "nine_in_ten_seconds": _seconds(summary.lag.nine_in_ten),
            "provisional": summary.lag.provisional,
            "stopped": summary.lag.stopped,
            "note": describe_lag(summary.lag, summary.window),
        },
        "error_rate": counts.error_rate,
        "fallback_share": counts.fallback_share,
        "shortfalls": [msgspec.to_builtins(one) for one in summary.shortfalls],
        "latency_ms": _build_latency(counts),
        "routes": {
            route.value: {
                "n_requests": found.n_attempted,
                "n_predictions": found.n_rows,
                "n_model": found.n_model,
                "n_fallback": found.n_heuristic,
                "n_failed": found.n_failed,
                "n_refused": found.n_refused,
                "error_rate": found.error_rate,
                "fallback_share": found.fallback_share,
                "latency_ms": _build_latency(found),
            }
            for route, found in summary.traffic.routes.items()
        },
        "unanswered": [
            {
                "route": one.route,
                "outcome": one.source.value,
                "cause": one.cause,
                "caller": one.caller,
                "n": one.n,
                "message": describe_unanswered(one),
            }
            for one in summary.traffic.unanswered
        ],
        **_build_figures(figures),
        "tolerance": summary.performance.tolerance,
        "heuristic": _build_figures(summary.performance.heuristic),
        "versions": [
            {
                "version": version_name(number),
                "synthetic": number in summary.synthetic_versions,
                "n_predictions": version.n_predictions,
                "n_labelled": version.n_labelled,
                **_build_figures(version),
                "segments": _build_segments(summary.find_segments(number)),
            }
            for number, version in summary.performance.versions.items()
        ],
        "drift": None if summary.drift is None else _build_drift(summary.drift),
        "drift_note": NOT_MEASURED if summary.drift is None else summary.drift.note or None,
        "segments": _build_segments(summary.find_segments(summary.champion)),
        "widening": None if summary.widening is None else _build_widening(summary.widening),
        "incidents": [
            {
                "id": incident.id,
                "cause": incident.cause,
                "checks": {check: found.value for check, found in incident.checks.items()},
                "severity": incident.severity.value,
                "status": incident.status_at(summary.report.at).value,
                "opened_at": incident.opened_at.isoformat(),
                "message": incident.message,
            }
            for incident in summary.incidents
        ],
    }


def _build_latency(counts: Counts) -> dict[str, float | None]:
    return {"p50": counts.p50_ms, "p95": counts.p95_ms, "p99": counts.p99_ms}


def _build_drift(report: DriftReport) -> dict[str, object]:
    return {
        "at": report.at.isoformat(),
        "version": version_name(report.version),
        "window": {"from_at": report.from_at.isoformat(), "to_at": report.to_at.isoformat()},
        "n_requests": report.n_requests,
        "n_rows": report.n_rows,
        "n_columns": report.n_columns,
        "verdict": report.verdict.value,
        "drifted": list(report.drifted),
        "basis": report.basis,
        "estimated_mae": report.estimated_mae if report.track.is_shown else None,
        "estimate_note": describe_estimate(report),
        "columns": [_build_check(check) for check in report.checks],
    }


def _build_segments(report: SegmentReport | None) -> dict[str, object] | None:
    if report is None:
        return None
    return {
        "at": report.at.isoformat(),
        "n_labelled": report.n_labelled,
        "n_parts": report.n_parts,
        "worst": [
            {**msgspec.to_builtins(segment), "message": describe_segment(segment)}
            for segment in report.segments
        ],
        "by_category": msgspec.to_builtins(report.groups),
        "by_score": msgspec.to_builtins(report.bands),
        "interval_coverage": msgspec.to_builtins(report.coverage),
        "interval_width": report.width,
    }


def _build_widening(widening: Widening) -> dict[str, object]:
    return {
        "factor": widening.factor,
        "at": widening.at.isoformat(),
        "since_at": None if widening.since_at is None else widening.since_at.isoformat(),
        "n_labels": widening.n_labels,
        "n_inside": widening.n_inside,
        "message": describe_widening(widening),
    }


def _build_check(check: DriftCheck) -> dict[str, object]:
    return {
        "column": check.column,
        "is_feature": check.is_feature,
        "subject": check.subject.value,
        "effect": check.effect,
        "noise": check.noise,
        "minimum": check.minimum,
        "verdict": check.verdict.value,
        "passed": check.passed,
        "confirmed": check.confirmed,
        "importance": check.importance,
        "effect_on_mae": check.effect_on_mae,
    }


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _build_figures(figures: Figures) -> dict[str, object]:
    intervals = {
        "accuracy": figures.accuracy,
        "mae": figures.mae,
        "rmse": figures.rmse,
        "skill": figures.skill,
    }
    return {
        **{name: None if value is None else value.value for name, value in intervals.items()},
        "bias": figures.bias,
        "naive": msgspec.to_builtins(figures.naive),
        "intervals": {name: _build_limits(value) for name, value in intervals.items()},
        "note": figures.note,
    }


def _build_limits(interval: Interval | None) -> dict[str, float] | None:
    if interval is None or not interval.is_known:
        return None
    return {"low": interval.low, "high": interval.high}
