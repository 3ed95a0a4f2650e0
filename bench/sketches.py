"""The histograms that rollups keep beside the quantile sketches of two libraries: error of the
quantiles, time of the processor to read and merge 2,160 hours, size, and whether the order of
merging matters.

Run as `python -m bench.sketches`; the first run makes the libraries' environment below `var/`."""

import json
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from bench.peers.environment import make_environment
from core.stats.histogram import latency_bucket, merge, quantile

N_HOURS, PER_HOUR, ROUNDS = 2_160, 460, 5
QUANTILES = (0.5, 0.95, 0.99)
PEER = Path("var/bench/sketches")
PEER_PACKAGES = ("ddsketch==3.0.1", "protobuf", "datasketches==5.2.0", "numpy")


def draw_hours() -> np.ndarray:
    """Latencies in ms, one row an hour: log-normal, slower by day, one in a hundred ten times as
    slow."""
    rng = np.random.default_rng(0)
    tide = 0.3 * np.sin(np.arange(N_HOURS) / 24 * 2 * np.pi)[:, None]
    slow = np.where(rng.random((N_HOURS, PER_HOUR)) < 0.01, 10.0, 1.0)
    return 15 * slow * np.exp(tide + 0.5 * rng.standard_normal((N_HOURS, PER_HOUR)))


def merge_ours(stored: Sequence[bytes]) -> list[float | None]:
    """Read and merge as `core.monitoring.measure.traffic` does with what the store keeps."""
    hours = [{int(bucket): n for bucket, n in msgspec.json.decode(body).items()} for body in stored]
    total = merge(hours)
    return [quantile(total, q) for q in QUANTILES]


def measure_ours(hours: np.ndarray) -> dict[str, object]:
    """The same figures that the peers' script gives of each sketch."""
    stored = [msgspec.json.encode(Counter(map(latency_bucket, row))) for row in hours.tolist()]
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        forwards = merge_ours(stored)
        seconds.append(time.process_time() - started)
    return {
        "name": "ours",
        "bytes": statistics.mean(map(len, stored)),
        "ms": 1e3 * statistics.median(seconds),
        "forwards": forwards,
        "backwards": merge_ours(stored[::-1]),
    }


def measure_peers(hours: np.ndarray) -> list[dict[str, object]]:
    """The libraries' figures, from their own environment, which is made once."""
    python = make_environment(PEER, *PEER_PACKAGES)
    script = Path(__file__).with_name("sketch_peers.py")
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "hours.npy", hours)
        done = subprocess.run(
            [str(python), str(script), str(Path(folder) / "hours.npy"), str(ROUNDS)],
            check=True,
            capture_output=True,
            text=True,
        )
    return list(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print a line for each."""
    hours = draw_hours()
    exact = np.quantile(hours, QUANTILES, method="inverted_cdf")
    print(f"{hours.size:,} latencies of {N_HOURS:,} hours; error of p50, p95, p99 in %")
    for found in [measure_ours(hours), *measure_peers(hours)]:
        errors = 100 * np.abs(np.array(found["forwards"]) / exact - 1)
        same = "any order" if found["forwards"] == found["backwards"] else "order matters"
        print(
            f"{found['name']:26} {errors[0]:5.2f} {errors[1]:5.2f} {errors[2]:5.2f}   "
            f"{found['ms']:7.1f} ms   {found['bytes']:6.0f} bytes an hour   {same}"
        )


if __name__ == "__main__":
    main()
