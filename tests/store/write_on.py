"""A process of its own that writes until it is killed, and says what it was told is written: URL,
home, the number of its first round."""

import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from core.domain.prediction import AnswerSource, Prediction, Variant
from core.domain.sample import Provenance, Sample
from core.store.data.samples import append_samples, finish_collection, start_collection
from core.store.engine.database import Database, open_database
from core.store.predictions.predictions import append_predictions

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
N_PREDICTIONS = 5
N_PIECES = 3
N_IN_PIECE = 4


def build_predictions(number: int) -> list[Prediction]:
    """The predictions of one round, which share one transaction."""
    return [
        Prediction(
            id=f"{number:030x}{place:02x}",
            at=NOON,
            version=1,
            variant=Variant.CHAMPION,
            source=AnswerSource.MODEL,
            reason=None,
            score=50.0,
            low=40.0,
            high=60.0,
            features={"lines": float(number)},
            text=None,
            unit_id=f"round {number}",
            latency_ms=1.0,
            revision=1,
        )
        for place in range(N_PREDICTIONS)
    ]


def build_samples(number: int, piece: int) -> list[Sample]:
    """The rows of one piece of a round's collection."""
    return [
        Sample(
            source=f"round {number}",
            provenance=Provenance.REAL,
            features={"lines": float(place)},
            target=50.0,
            at=NOON + timedelta(seconds=number),
            external_id=f"{number}-{piece}-{place}",
        )
        for place in range(N_IN_PIECE)
    ]


def collect(db: Database, number: int) -> int:
    """One collection in several transactions; how many of its rows were new."""
    with db.write() as conn:
        collection_id = start_collection(conn, f"round {number}", {}, "ada", NOON)
    n_new = 0
    for piece in range(N_PIECES):
        with db.write() as conn:
            n_new += append_samples(conn, collection_id, build_samples(number, piece))
    with db.write() as conn:
        finish_collection(
            conn,
            collection_id,
            n_received=N_PIECES * N_IN_PIECE,
            n_new=n_new,
            n_duplicate=N_PIECES * N_IN_PIECE - n_new,
            rejected=[],
            n_rejected=0,
            now=NOON,
        )
    return n_new


def main(url: str, home: str, first: str) -> None:
    """Round after round."""
    db = open_database(url, Path(home), "process", NOON)
    for number in count(int(first)):
        with db.write() as conn:
            append_predictions(conn, build_predictions(number))
        print(f"predicted {number}", flush=True)
        collect(db, number)
        print(f"collected {number}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
