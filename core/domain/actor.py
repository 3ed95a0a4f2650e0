"""Who acts, what they may do, and the entry that the audit keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.installation import AUTOMATION


class Role(StrEnum):
    """A person's rights; each has those of the ones before it."""

    VIEWER = "viewer"
    LABELLER = "labeller"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, other: "Role") -> bool:
        """Return True if this role has all rights of another.

        >>> Role.OPERATOR.covers(Role.LABELLER), Role.VIEWER.covers(Role.OPERATOR)
        (True, False)
        """
        order = list(Role)
        return order.index(self) >= order.index(other)


class Act(StrEnum):
    """A write that somebody can ask for."""

    ADOPT = "adopt"  # a row that is older than the audit
    LOGIN = "login"
    LABEL = "label"
    NOTE = "note"
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    TRY_CHANNELS = "try_channels"
    COLLECT = "collect"
    MAP_TABLE = "map_table"
    TRAIN = "train"
    REGISTER = "register"
    REPLAY = "replay"
    SCORE = "score"
    CANCEL = "cancel"
    DEPLOY = "deploy"
    OVERRIDE = "override"
    TRIAL = "trial"
    ROLLBACK = "rollback"
    POLICY = "policy"
    RETRAIN = "retrain"
    SETTING = "setting"
    KEYS = "keys"
    SESSION = "session"
    ERASE = "erase"
    REMOVE = "remove"  # old predictions, far more than usual
    SIGN = "sign"
    APPROVE = "approve"


LEAST_ROLE: Mapping[Act, Role] = {
    Act.ADOPT: Role.ADMIN,
    Act.LOGIN: Role.VIEWER,
    Act.LABEL: Role.LABELLER,
    Act.NOTE: Role.LABELLER,
    Act.INCIDENT: Role.OPERATOR,
    Act.MAINTENANCE: Role.OPERATOR,
    Act.TRY_CHANNELS: Role.OPERATOR,
    Act.COLLECT: Role.OPERATOR,
    Act.MAP_TABLE: Role.OPERATOR,
    Act.TRAIN: Role.OPERATOR,
    Act.REGISTER: Role.OPERATOR,
    Act.REPLAY: Role.OPERATOR,
    Act.SCORE: Role.OPERATOR,
    Act.CANCEL: Role.OPERATOR,
    Act.DEPLOY: Role.OPERATOR,
    Act.OVERRIDE: Role.OPERATOR,
    Act.TRIAL: Role.OPERATOR,
    Act.ROLLBACK: Role.OPERATOR,
    Act.POLICY: Role.OPERATOR,
    Act.RETRAIN: Role.OPERATOR,
    Act.SETTING: Role.ADMIN,
    Act.KEYS: Role.ADMIN,
    Act.SESSION: Role.ADMIN,
    Act.ERASE: Role.ADMIN,
    Act.REMOVE: Role.ADMIN,
    Act.SIGN: Role.ADMIN,
    Act.APPROVE: Role.OPERATOR,
}
"""The least role that an act needs."""

JOB_ACTS: Mapping[str, Act] = {
    "import": Act.COLLECT,
    "demo": Act.COLLECT,
    "collect": Act.COLLECT,
    "train": Act.TRAIN,
    "preview": Act.TRAIN,
    "reproduce": Act.TRAIN,
    "replay": Act.REPLAY,
    "predict": Act.SCORE,
}
"""The act of asking for each kind of job."""

NEEDS_NO_SECOND = frozenset({Act.ADOPT, Act.LOGIN, Act.APPROVE, Act.REGISTER, Act.ROLLBACK})
"""Acts that cannot wait for a second person: what lets somebody in, what is approved by it, the
end of a training, and the way back at night."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a key or the program itself, as the way in has established it. Functions that
    change something take an actor and no name, so that none can be asked without one."""

    name: str
    role: Role
    via: str = "command line"  # or login 12, key 3, job 7, schedule
    place: str = ""  # the address or the machine it came from
    acts: frozenset[Act] | None = (
        None  # of a key: the only acts it is for; None for all of the role
    )
    second: frozenset[Act] = frozenset()  # acts that need the approval of a second person

    def may(self, act: Act) -> bool:
        """Return True if the role covers an act, and the key is for it."""
        allowed = self.acts is None or act in self.acts
        return allowed and self.role.covers(LEAST_ROLE[act])


PROGRAM = Actor(AUTOMATION, Role.ADMIN, via="schedule")
"""The program itself: schedules, retraining, automatic rollback."""


class Decider(StrEnum):
    """A table whose rows decide something: an audit entry keeps the hash of each row it wrote."""

    DEPLOYMENTS = "deployments"
    VERSIONS = "versions"
    POLICIES = "policies"
    POLICY_CHANGES = "policy_changes"
    SETTING_CHANGES = "setting_changes"
    TABLE_MAPPINGS = "table_mappings"
    RETRAINING_DECISIONS = "retraining_decisions"
    MAINTENANCE_WINDOWS = "maintenance_windows"
    API_KEYS = "api_keys"
    APPROVALS = "approvals"


class AuditOutcome(StrEnum):
    """The end of what somebody asked for."""

    DONE = "done"
    REFUSED = "refused"
    WAITING = "waiting"  # for a second person


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One write or refusal. `row` is the table and number of a row that decides something, with
    the hash of its columns at that moment; `chain` covers this entry and, by the chain of the one
    before, all earlier ones."""

    id: int
    at: datetime
    by: str
    role: Role
    via: str
    place: str
    act: Act
    target: str
    outcome: AuditOutcome
    reason: str
    before: object
    after: object
    row_table: Decider | None
    row_number: int | None
    row_hash: str | None
    chain: str


class ApprovalState(StrEnum):
    """The state of a request for a second person's approval."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Approval:
    """A request to do something once, and a second person's answer. `digest` is that of the act,
    its target and its details: nothing else can be done with it."""

    id: int
    act: Act
    target: str
    digest: str
    reason: str
    asked_by: str
    asked_at: datetime
    state: ApprovalState
    decided_by: str | None
    decided_at: datetime | None
