"""The script that a person would write instead of `predict`: a file whole in pandas, scored at
once, written back. Run as `python -m bench.peers.pandas_predict IN OUT`."""

import sys
from pathlib import Path

import pandas as pd

from core.bootstrap import build_app
from core.store.models.versions import get_version


def main() -> None:
    """Score IN by version 1 into OUT, both CSV or both Parquet."""
    app = build_app()
    with app.db.read() as conn:
        version = get_version(conn, 1)
    pipeline = app.registry.load_artifact(version.artifact_hash).pipeline
    source, out = (Path(argument) for argument in sys.argv[1:])
    if source.suffix == ".csv":
        frame = pd.read_csv(source)
        frame["score"] = pipeline.predict(frame)
        frame.to_csv(out, index=False)
    else:
        frame = pd.read_parquet(source)
        frame["score"] = pipeline.predict(frame)
        frame.to_parquet(out)


if __name__ == "__main__":
    main()
