"""The check that callers send what a version reads, weighed by what each feature says to it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import text
from core.domain.model_card import Card
from core.domain.sample import Features
from core.domain.version import Version
from core.errors import Refused
from core.store.engine.database import Connection
from core.store.predictions.predictions import load_newest

N_REQUESTS = 400
"""The newest requests that are looked at."""

MIN_REQUESTS = 20
"""Requests below which nothing is said of what callers send."""

ENOUGH = 0.8
"""The share of what a version goes by that has to come for it to serve without a person's word."""

_MAX_NAMES = 3


class InputsMissing(Refused):
    """A version whose inputs callers do not send, and that nobody overrode."""


@dataclass(frozen=True, slots=True)
class InputsSent:
    """The share 0..1 of what a version goes by that came in with some requests, and the features
    that it misses, the weightiest first, each with the share of the requests that have it."""

    share: float
    missing: Mapping[str, float]
    n_requests: int


def measure_inputs(
    features: Sequence[str],
    importance: Mapping[str, float],
    requests: Sequence[Features],
    usual: Sequence[Features] = (),
) -> InputsSent | None:
    """Return what came in of a version's features. A feature that some rows lack of `usual`, rows
    of the version's training, may be missing as often in requests. None for fewer requests than
    `MIN_REQUESTS`, and for a version that reads no feature.

    >>> found = measure_inputs(["a", "b"], {"a": 0.75, "b": 0.25}, [{"b": 1.0}] * 20)
    >>> found.share, dict(found.missing)
    (0.25, {'a': 0.0})
    """
    n = len(requests)
    if n < MIN_REQUESTS or not features:
        return None
    weights = {name: importance.get(name, 0.0) for name in features}
    total = math.fsum(weights.values())
    if total <= 0.0:  # of a version without skill nothing is known
        weights, total = dict.fromkeys(features, 1.0), float(len(features))
    lost: dict[str, float] = {}
    sent: dict[str, float] = {}
    for name, weight in weights.items():
        expected = _find_share(name, usual) if usual else 1.0
        sent[name] = _find_share(name, requests)
        if sent[name] < expected:
            lost[name] = weight / total * (1.0 - sent[name] / expected)
    ordered = sorted((name for name in lost if lost[name] > 0.0), key=lambda name: -lost[name])
    return InputsSent(1.0 - math.fsum(lost.values()), {name: sent[name] for name in ordered}, n)


def find_objection(
    version: Version,
    card: Card,
    serving: Version | None,
    requests: Sequence[Features],
    *,
    assumes: bool = False,
) -> str:
    """Return a sentence on what callers do not send of a version's inputs; empty where they send
    enough of them, or no less than of those of the version that serves. Where too few requests came
    to say, nothing is missing; with `assumes`, callers are taken to send what `serving` reads."""
    whose = f"The newest {len(requests):,} requests bring"
    if assumes and serving is not None and len(requests) < MIN_REQUESTS:
        requests = [dict.fromkeys(serving.report.features_selected, 0.0)] * MIN_REQUESTS
        whose = f"Callers are known to send what {serving.name} reads, which is"
    usual = [row.features for row in card.golden]
    found = measure_inputs(card.features, version.report.importance, requests, usual)
    if found is None or found.share >= ENOUGH:
        return ""
    if serving is not None:
        report = serving.report
        now = measure_inputs(report.features_selected, report.importance, requests)
        if now is not None and now.share <= found.share:
            return ""
    named = ", ".join(
        f"{name} in {text.percent(share)} of them"
        for name, share in list(found.missing.items())[:_MAX_NAMES]
    )
    return (
        f"{whose} {text.percent(found.share)} of what {version.name} goes by ({named}), and "
        f"{text.chosen_percent(ENOUGH)} is needed."
    )


def load_requests(conn: Connection) -> list[Features]:
    """Return the features of the newest requests, one row of each."""
    return [one.features for one in load_newest(conn, N_REQUESTS)]


def _find_share(name: str, rows: Sequence[Features]) -> float:
    return sum(row.get(name) is not None for row in rows) / len(rows)
