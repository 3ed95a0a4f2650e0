"""Evidently's drift preset on two files, timed; runs in its own environment, which fails on the
project's pandas. Prints the seconds of each round as JSON."""

import json
import sys
import time

import pandas as pd
from evidently import Dataset, Report
from evidently.presets import DataDriftPreset


def main(reference_path: str, current_path: str, n_rounds: int) -> None:
    """Each round is a fresh report; reading the files and importing are not timed."""
    frames = [pd.read_parquet(path) for path in (reference_path, current_path)]
    seconds = []
    for _ in range(n_rounds):
        reference, current = (Dataset.from_pandas(frame) for frame in frames)
        started = time.perf_counter()
        Report([DataDriftPreset()]).run(current, reference).dict()
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
