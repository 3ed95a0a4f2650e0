"""Rows with a known relation to the target, a store filled with them, and tracking that is away."""

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.domain.dataset import Snapshot
from core.domain.sample import Provenance, Sample
from core.domain.training_report import Gate
from core.domain.version import Version
from core.errors import Unavailable
from core.registry import Registry
from core.store.data import samples
from core.store.engine.database import Database
from core.training.data.rows import Rows
from core.training.evaluate.gate import FAILED

START = datetime(2025, 9, 1, tzinfo=UTC)


class FakeTracking(Registry):
    """A registry with real artifacts and a list in place of MLflow, which may be down."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "artifacts", "")
        self.runs: list[int] = []
        self.down = False
        self.said: dict[str, tuple[str, tuple[str, ...]]] = {}

    def mirror_notes(self, run_id: str, text: str, tags: Sequence[str]) -> None:
        if self.down:
            raise Unavailable("MLflow does not answer.")
        self.said[run_id] = (text, tuple(tags))

    def log_run(self, version: Version, snapshot: Snapshot) -> str:
        if self.down:
            raise Unavailable("MLflow does not answer.")
        self.runs.append(version.number)
        return f"run-{version.number}"


def make_samples(
    n: int,
    seed: int = 1,
    *,
    noise: float = 4.0,
    strength: float = 10.0,
    start: datetime | None = START,
    group_size: int = 0,
    provenance: Provenance = Provenance.REAL,
) -> list[Sample]:
    """Rows whose target is 55 + strength * size + 6 for "py" + noise, clipped to 0..100; `other`
    and `third` say nothing. Four rows a day from `start` on, without a time where it is None."""
    return list(_make_samples(n, seed, noise, strength, start, group_size, provenance))


@functools.cache  # most tests ask for the same few, and drawing them takes 30 ms
def _make_samples(
    n: int,
    seed: int,
    noise: float,
    strength: float,
    start: datetime | None,
    group_size: int,
    provenance: Provenance,
) -> tuple[Sample, ...]:
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        size, lang = float(rng.normal()), str(rng.choice(["py", "go", "js"]))
        wanted = 55 + strength * size + (6 if lang == "py" and strength else 0)
        found.append(
            Sample(
                source="test",
                provenance=provenance,
                features={
                    "size": None if rng.random() < 0.05 else size,
                    "lang": lang,
                    "other": float(rng.normal()),
                    "third": float(rng.integers(0, 50)),
                },
                target=float(np.clip(wanted + noise * rng.normal(), 0, 100)),
                at=None if start is None else start + timedelta(hours=6 * i),
                group=f"g{i // group_size}" if group_size else None,
            )
        )
    return tuple(found)


def fill(db: Database, rows: Sequence[Sample], now: Callable[[], datetime]) -> None:
    """Put rows into the store as one finished collection."""
    with db.write() as conn:
        collection = samples.start_collection(conn, "test", {}, "ana", now())
        n_new = samples.append_samples(conn, collection, rows)
        samples.finish_collection(
            conn,
            collection,
            n_received=len(rows),
            n_new=n_new,
            n_duplicate=len(rows) - n_new,
            rejected=[],
            n_rejected=0,
            now=now(),
        )


def make_rows(n: int, seed: int = 1, **changes: Any) -> Rows:
    """The same rows as training sees them."""
    found = make_samples(n, seed, **changes)
    frame = pd.DataFrame([dict(sample.features) for sample in found])
    at = [np.nan if sample.at is None else sample.at.timestamp() for sample in found]
    return Rows(
        features=frame,
        target=np.array([sample.target for sample in found]),
        at_seconds=np.array(at),
        group=None,
        together=np.arange(n),
        synthetic=np.zeros(n, dtype=bool),
    )


def list_failed(gate: Gate) -> list[str]:
    """Return the codes of the checks that failed."""
    coded = zip(gate.reasons, gate.codes, strict=True)
    return [code for reason, code in coded if reason.startswith(FAILED)]
