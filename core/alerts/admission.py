"""Admitting rules: a cause that a new version of the program brings runs dry before it calls."""

from collections.abc import Collection
from datetime import datetime, timedelta

from core.domain.incident import AlertRule
from core.domain.installation import AUTOMATION
from core.errors import Conflict, InvalidInput, NotFound
from core.log import get_logger
from core.store.engine.database import Connection, Database
from core.store.monitoring import alert_rules

DRY_RUN = timedelta(days=7)
"""How long a new rule runs dry unless a person makes it live: one that nobody looks at must not
stay silent."""

log = get_logger(__name__)


def admit_rules(db: Database, causes: Collection[str], now: datetime) -> list[AlertRule]:
    """Take in the causes that were not known before; those that were. In a store that knows none
    they are live at once, and later ones run dry for seven days."""
    with db.read() as conn:
        if not _list_new(conn, causes):
            return []
    with db.write() as conn:
        first = not alert_rules.load_rules(conn)
        live_at = now if first else now + DRY_RUN
        reason = "there from the start" if first else "new: runs dry first"
        added = [
            AlertRule(cause, now, live_at, AUTOMATION, reason) for cause in _list_new(conn, causes)
        ]
        for rule in added:
            alert_rules.append_rule(conn, rule)
    log.info("rules_admitted", causes=[rule.cause for rule in added], live_at=live_at.isoformat())
    return added


def list_dry(conn: Connection, now: datetime) -> list[AlertRule]:
    """The rules that run dry now, by cause."""
    return [rule for rule in alert_rules.load_rules(conn) if rule.live_at > now]


def make_live(db: Database, cause: str, *, by: str, reason: str, now: datetime) -> AlertRule:
    """Let a rule that runs dry call people from now on; what it recorded until then calls nobody
    until it gets worse. Raises `NotFound`, `Conflict` where it is live already, and `InvalidInput`
    without a reason."""
    if not reason.strip():
        raise InvalidInput("A change needs a reason: say why, for whoever reads the history.")
    with db.write() as conn:
        found = {rule.cause: rule for rule in alert_rules.load_rules(conn)}
        if cause not in found:
            raise NotFound(f"There is no rule '{cause}': the rules are {', '.join(found)}.")
        if found[cause].live_at <= now:
            raise Conflict(f"'{cause}' is live already, since {found[cause].live_at:%Y-%m-%d}.")
        rule = AlertRule(cause, now, now, by, reason.strip())
        alert_rules.append_rule(conn, rule)
    log.info("rule_made_live", cause=cause, by=by)
    return rule


def _list_new(conn: Connection, causes: Collection[str]) -> list[str]:
    known = {rule.cause for rule in alert_rules.load_rules(conn)}
    return [cause for cause in causes if cause not in known]
