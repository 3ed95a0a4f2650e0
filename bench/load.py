"""What one run of wrk against our own server came to, with its slowest request."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.serving import DATA, PATH, PORT

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_LATENCY = re.compile(r"Latency\s+\S+\s+\S+\s+(?P<slowest>[0-9.]+)(?P<unit>us|ms|s|m)\b")


@dataclass(frozen=True)
class Load:
    """One run."""

    per_second: float
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    n_failed: int


def run_wrk(connections: int, seconds: float, script: Path | None = None) -> Load:
    """Rows that differ, one a request, for so long."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}", "--timeout", "20"]
    command += ["-s", str(script or DATA / "plumbline.lua"), f"http://127.0.0.1:{PORT}{PATH}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(text.partition("RESULT ")[2])
    slowest = _LATENCY.search(text)
    assert slowest is not None, text
    return Load(
        per_second=found["n"] / found["us"] * 1e6,
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
        slowest_ms=float(slowest["slowest"]) * _UNITS[slowest["unit"]],
        n_failed=found["bad"],
    )
