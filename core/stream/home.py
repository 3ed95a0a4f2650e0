"""The installation that a replay runs in: a store of its own and a clock that is moved."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from core.bootstrap import App, build_app
from core.domain.dataset import Snapshot
from core.domain.version import Version
from core.errors import Unavailable
from core.registry import Registry
from core.settings import PREFIX, SETTINGS
from core.stream.plan import Measure


class Clock:
    """The time of a replay, which only moves forward."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The moment that everything believes it is."""
        return self.at

    def move(self, at: datetime) -> None:
        """Go to a moment; one that has passed changes nothing."""
        self.at = max(self.at, at)


class UnrecordedRegistry(Registry):
    """Keeps artifacts as every registry does; a replay's versions are no runs of the team's."""

    def log_run(self, version: Version, snapshot: Snapshot) -> str:
        """Always raises `Unavailable`: the version is registered without a run."""
        raise Unavailable("A replay records no run in MLflow.")


def open_home(
    values: Mapping[str, str],
    home: Path,
    clock: Clock,
    measure: Measure,
    *,
    recipe: str | None,
    retrain: str,
    span: timedelta,
) -> App:
    """An empty installation with the thresholds of `values` (raw settings by variable), and nothing
    that leads to the team's own store, sources or channels."""
    kept = {s.variable: values[s.variable] for s in SETTINGS if s.runtime and s.variable in values}
    chosen = {
        "home": str(home),
        "scale": f"{measure.scale.low!r}:{measure.scale.high!r}",
        "tolerance": repr(measure.tolerance),
        "accuracy_days": _days(span),
        "retrain": retrain,
        "upload_limit_mb": "100000",  # what is imported here was read and written by us
    }
    if recipe is not None:
        chosen["retrain_recipe"] = recipe
    app = build_app(
        {**kept, **{PREFIX + name.upper(): value for name, value in chosen.items()}}, clock.now
    )
    registry = UnrecordedRegistry(app.settings.artifacts, app.registry.tracking_uri.reveal())
    return replace(app, registry=registry)


def look_back(app: App, span: timedelta) -> App:
    """The same installation, which judges the error over another span; a quarter of an hour is the
    shortest."""
    values = {**app.values, PREFIX + "ACCURACY_DAYS": _days(max(span, timedelta(minutes=15)))}
    return replace(app, values=values)


def _days(span: timedelta) -> str:
    return repr(span / timedelta(days=1))
