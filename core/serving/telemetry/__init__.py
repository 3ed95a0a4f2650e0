"""The telemetry of an API process: counts, latencies and status."""
