"""Health: the checks of the measured facts become one status with its reasons."""

from datetime import datetime

from core.domain.monitoring import Health, HealthReport
from core.monitoring.health.accuracy_checks import add_culprit, check_errors, check_skill
from core.monitoring.health.checks import (
    check_base,
    check_disk,
    check_drift,
    check_labels,
    check_traffic,
    check_worker,
)
from core.monitoring.health.echo_checks import check_echo
from core.monitoring.health.inputs import HealthInputs
from core.monitoring.health.service_checks import check_requests, check_spread
from core.settings import Thresholds

_RANK = {
    Health.CRITICAL: 0,
    Health.WARNING: 1,
    Health.STALE: 2,
    Health.UNKNOWN: 3,
    Health.HEALTHY: 4,
}


def judge_health(facts: HealthInputs, thresholds: Thresholds, now: datetime) -> HealthReport:
    """The status and every check that was made.

    Without a deployment or any prediction the status is unknown; when the last prediction is older
    than `stale_after` it is stale, and what was measured before is no statement about now.
    Otherwise it is the worst of the checks: critical, warning, unknown (accuracy or the requests
    cannot be judged yet), healthy. See `judge_level` for the thresholds."""
    no_base = check_base(facts)
    if no_base is not None:
        worker = check_worker(facts.worker, now)
        machine = [*([worker] if worker else []), *check_disk(facts.disk)]
        return HealthReport(Health.UNKNOWN, (no_base, *machine), now)
    traffic = check_traffic(facts, thresholds, now)
    stale = traffic.health is Health.STALE
    errors = [add_culprit(check, facts) for check in check_errors(facts, thresholds)]
    checks = [
        *errors,
        *check_skill(facts),
        *check_echo(facts),
        *check_requests(facts, thresholds, stale=stale),
        *check_spread(facts, stale=stale),
        *check_drift(facts, errors, now),
        *([] if stale else check_labels(facts.label_silence, now)),  # one cause, not two
        *check_disk(facts.disk),
    ]
    worker = check_worker(facts.worker, now)
    if worker is not None:
        checks.append(worker)
    checks.sort(key=lambda reason: (_RANK[reason.health], not reason.confirmed))
    if stale:
        return HealthReport(Health.STALE, (traffic, *checks), now)
    return HealthReport(checks[0].health, (*checks, traffic), now)


def has_changed(old: HealthReport | None, new: HealthReport) -> bool:
    """Return True if a report differs from the one before in more than its figures."""
    return old is None or _essence(old) != _essence(new)


def _essence(report: HealthReport) -> tuple[Health, frozenset[tuple[str, Health, bool]]]:
    checks = ((reason.code, reason.health, reason.confirmed) for reason in report.reasons)
    return report.health, frozenset(checks)
