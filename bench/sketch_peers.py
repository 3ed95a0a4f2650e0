"""The quantile sketches of two libraries on the latencies of a file; run by `bench.sketches` in an
environment of their own. Times are of the processor.

Arguments: the file, the number of rounds. The last line printed is JSON: a list of name, bytes an
hour, milliseconds to read and merge all hours, quantiles merged forwards and backwards."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from datasketches import kll_doubles_sketch, tdigest_double
from ddsketch import DDSketch
from ddsketch.pb.ddsketch_pb2 import DDSketch as Stored
from ddsketch.pb.proto import DDSketchProto

QUANTILES = (0.5, 0.95, 0.99)


def build_ddsketch(values: np.ndarray) -> bytes:
    sketch = DDSketch(relative_accuracy=0.01)
    for value in values.tolist():
        sketch.add(value)
    return DDSketchProto.to_proto(sketch).SerializeToString()


def merge_ddsketch(stored: Sequence[bytes]) -> list[float]:
    total = DDSketch(relative_accuracy=0.01)
    for body in stored:
        total.merge(DDSketchProto.from_proto(Stored.FromString(body)))
    return [total.get_quantile_value(q) for q in QUANTILES]


def build_kll(values: np.ndarray, k: int) -> bytes:
    sketch = kll_doubles_sketch(k)
    sketch.update(values)
    return sketch.serialize()


def merge_kll(stored: Sequence[bytes], k: int) -> list[float]:
    total = kll_doubles_sketch(k)
    for body in stored:
        total.merge(kll_doubles_sketch.deserialize(body))
    return [total.get_quantile(q) for q in QUANTILES]


def build_tdigest(values: np.ndarray) -> bytes:
    sketch = tdigest_double(100)
    sketch.update(values)
    return sketch.serialize()


def merge_tdigest(stored: Sequence[bytes]) -> list[float]:
    total = tdigest_double(100)
    for body in stored:
        total.merge(tdigest_double.deserialize(body))
    return [total.get_quantile(q) for q in QUANTILES]


def measure(
    name: str,
    hours: np.ndarray,
    build: Callable[[np.ndarray], bytes],
    merge: Callable[[Sequence[bytes]], list[float]],
    n_rounds: int,
) -> dict[str, object]:
    stored = [build(values) for values in hours]
    seconds = []
    for _ in range(n_rounds):
        started = time.process_time()
        forwards = merge(stored)
        seconds.append(time.process_time() - started)
    return {
        "name": name,
        "bytes": float(np.mean([len(body) for body in stored])),
        "ms": 1e3 * float(np.median(seconds)),
        "forwards": forwards,
        "backwards": merge(stored[::-1]),
    }


if __name__ == "__main__":
    hours, n_rounds = np.load(sys.argv[1]), int(sys.argv[2])
    kinds = (
        ("ddsketch 1 %", build_ddsketch, merge_ddsketch),
        ("datasketches KLL 200", partial(build_kll, k=200), partial(merge_kll, k=200)),
        ("datasketches KLL 2000", partial(build_kll, k=2_000), partial(merge_kll, k=2_000)),
        ("datasketches t-digest 100", build_tdigest, merge_tdigest),
    )
    print(json.dumps([measure(name, hours, *kind, n_rounds) for name, *kind in kinds]))
