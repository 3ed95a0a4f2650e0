"""What the API tells of itself: counts, latencies and a heartbeat."""
