"""The findings of a replay as values, as JSON and as a table to read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core import text
from core.domain.incident import Incident
from core.domain.monitoring import Health
from core.domain.version import version_name
from core.stats.intervals import Interval

_TIME = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class StreamWindow:
    """One window of predictions. `health` is what the operator saw just after its last request;
    `in_incident` whether an accuracy incident was open when its last label had arrived, at `to_at`
    plus the label delay. `ratio` is the error over the holdout error, each score's over that of its
    own version, with a 90 % confidence interval."""

    from_at: datetime
    to_at: datetime
    n_predictions: int
    n_labelled: int
    mae: float | None
    version: int | None  # that answered most; None without a prediction
    health: Health
    in_incident: bool
    promised_mae: float | None
    ratio: Interval | None


@dataclass(frozen=True, slots=True)
class Retraining:
    """A training that the policy requested, and its outcome."""

    at: datetime
    reasons: tuple[str, ...]
    version: int | None  # None where it failed
    deployed: bool
    outcome: str  # as a sentence


@dataclass(frozen=True, slots=True)
class StreamReport:
    """The whole replay. `notes` say what was assumed and left out."""

    notes: tuple[str, ...]
    windows: tuple[StreamWindow, ...]
    incidents: tuple[Incident, ...]  # oldest first
    retrainings: tuple[Retraining, ...]


def build_json(report: StreamReport) -> dict[str, object]:
    """The report as one JSON object; a figure without data is None."""
    return {
        "notes": list(report.notes),
        "windows": [_window_json(window) for window in report.windows],
        "incidents": [_incident_json(incident) for incident in report.incidents],
        "retrainings": [
            {
                "at": item.at.isoformat(),
                "reasons": list(item.reasons),
                "version": _name(item.version),
                "deployed": item.deployed,
                "outcome": item.outcome,
            }
            for item in report.retrainings
        ],
    }


def build_text(report: StreamReport) -> str:
    """The verdict first, then the windows, the incidents and the trainings."""
    return "\n".join(
        [
            _summarize(report),
            *(f"  {note}" for note in report.notes),
            "",
            f"{'from (UTC)':16}  {'rows':>8} {'labels':>8} {'MAE':>9} {'times':>6}  "
            f"{'version':9} {'health':8} incident",
            *(_window_line(window) for window in report.windows),
            "",
            *(_incident_lines(report.incidents) or ["No incident."]),
            *(
                f"{item.at:{_TIME}}  {item.outcome} ({' '.join(item.reasons)})"
                for item in report.retrainings
            ),
        ]
    )


def _summarize(report: StreamReport) -> str:
    n_open = sum(window.in_incident for window in report.windows)
    n = sum(window.n_predictions for window in report.windows)
    n_deployed = sum(item.deployed for item in report.retrainings)
    return (
        f"{n:,} predictions in {len(report.windows)} windows: an accuracy incident was open in "
        f"{n_open} of them; {len(report.retrainings)} retrainings, {n_deployed} deployed."
    )


def _window_line(window: StreamWindow) -> str:
    mae = text.figure(window.mae)
    ratio = text.figure(None if window.ratio is None else window.ratio.value)
    return (
        f"{window.from_at:{_TIME}}  {window.n_predictions:8,} {window.n_labelled:8,} {mae:>9} "
        f"{ratio:>6}  {_name(window.version) or '-':9} {window.health.value:8} "
        f"{'open' if window.in_incident else ''}"
    ).rstrip()


def _incident_lines(incidents: Iterable[Incident]) -> list[str]:
    lines = []
    for incident in incidents:
        until = "lasts" if incident.resolved_at is None else f"{incident.resolved_at:{_TIME}}"
        lines.append(
            f"{incident.opened_at:{_TIME}} to {until}  {incident.cause} "
            f"({incident.worst.value}): {incident.events[0].message}"
        )
    return lines


def _window_json(window: StreamWindow) -> dict[str, object]:
    ratio = window.ratio
    return {
        "from_at": window.from_at.isoformat(),
        "to_at": window.to_at.isoformat(),
        "n_predictions": window.n_predictions,
        "n_labelled": window.n_labelled,
        "mae": window.mae,
        "version": _name(window.version),
        "health": window.health.value,
        "in_incident": window.in_incident,
        "promised_mae": window.promised_mae,
        "ratio": None
        if ratio is None
        else dict(zip(("value", "low", "high"), (ratio.value, *ratio.limits), strict=True)),
    }


def _incident_json(incident: Incident) -> dict[str, object]:
    resolved_at = incident.resolved_at
    return {
        "id": incident.id,
        "cause": incident.cause,
        "severity": incident.worst.value,
        "opened_at": incident.opened_at.isoformat(),
        "resolved_at": None if resolved_at is None else resolved_at.isoformat(),
        "message": incident.events[0].message,
    }


def _name(version: int | None) -> str | None:
    return None if version is None else version_name(version)
