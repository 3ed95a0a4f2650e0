"""A process of its own that releases until it is killed, and says what it was told is in force:
home, the seed of what it does."""

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from core.deployment.release import deploy, rollback
from core.deployment.trials import TrialStart, promote, start_trial, stop_trial
from core.domain.deployment import Deployment
from core.domain.trial import TrialSettings
from core.errors import OpsError
from core.store.engine.database import open_database
from tests.fakes import FakeArtifact, FakeRegistry
from tests.people import person

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
N_VERSIONS = 4


def main(home: str, seed: str) -> None:
    """Release after release: deployments, trials, their ends, and rollbacks."""
    db, draw = open_database("", Path(home), "process", NOON), random.Random(int(seed))
    artifacts = {f"hash-{number}": FakeArtifact() for number in range(1, N_VERSIONS + 1)}
    registry, who = FakeRegistry(artifacts), {"reason": "r", "by": person("ada"), "now": NOON}

    def start(number: int) -> Deployment:
        return start_trial(
            db,
            registry,  # type: ignore[arg-type]
            TrialStart(number, name="x", traffic=0.1, settings=TrialSettings(), salt="salt"),
            override=True,
            **who,  # type: ignore[arg-type]
        )

    acts: list[Callable[[int], Deployment]] = [
        lambda number: deploy(db, registry, number, override=True, **who),  # type: ignore[arg-type]
        start,
        start,
        lambda _: promote(db, registry, "x", override=True, **who),  # type: ignore[arg-type]
        lambda _: stop_trial(db, "x", **who),  # type: ignore[arg-type]
        lambda _: rollback(db, registry, None, **who),  # type: ignore[arg-type]
    ]
    print("ready", flush=True)
    while True:
        try:
            row = draw.choice(acts)(draw.randint(1, N_VERSIONS))
        except OpsError:
            continue
        print(row.revision, row.plan.champion, row.plan.challenger, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
