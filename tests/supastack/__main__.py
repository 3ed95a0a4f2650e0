"""A Supabase project to try things against: prints its address and keys, and runs until stopped.

`python -m tests.supastack [MILLISECONDS]`, by which every request is late."""

import json
import signal
import sys

from tests.supastack.stack import run_stack

if __name__ == "__main__":
    with run_stack() as stack:
        stack.gateway.delay_seconds = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
        print(
            json.dumps(
                {
                    "url": stack.url,
                    "service_key": stack.service_key,
                    "anon_key": stack.anon_key,
                    "database": stack.server.url("postgres"),
                }
            ),
            flush=True,
        )
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.pause()
