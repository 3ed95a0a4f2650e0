"""A Supabase project to try things against: prints its address and keys, and runs until stopped."""

import json
import signal
import sys

from tests.supastack.stack import run_stack

if __name__ == "__main__":
    with run_stack() as stack:
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
