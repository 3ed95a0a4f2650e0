"""A tracking server on loopback that answers as it was told to, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RUN_ID = "0123456789abcdef0123456789abcdef"


@dataclass
class Tracking:
    """`artifact_uri` is where it says that a run's files belong; `moved_to` where it sends who
    brings one, if anywhere."""

    url: str
    artifact_uri: str = ""
    moved_to: str = ""
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def bodies(self, path: str) -> list[bytes]:
        """What came to an address that ends so."""
        return [body for _, asked, body in self.asked if asked.endswith(path)]

    def uploads(self) -> list[str]:
        """The addresses to which a file was brought."""
        return [path for method, path, _ in self.asked if method == "PUT"]


@contextmanager
def run_tracking() -> Iterator[Tracking]:
    """Such a server, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            path = self.path.partition("?")[0]
            tracking.asked.append((self.command, path, self.rfile.read(length)))
            if self.command == "PUT" and tracking.moved_to:
                self.send_response(307)
                self.send_header("Location", tracking.moved_to)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = json.dumps(_answer(path, tracking.artifact_uri)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # named by the library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    tracking = Tracking(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield tracking
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(path: str, artifact_uri: str) -> dict[str, object]:
    info = {
        "run_id": RUN_ID,
        "run_uuid": RUN_ID,
        "experiment_id": "1",
        "status": "RUNNING",
        "start_time": 1,
        "lifecycle_stage": "active",
        "artifact_uri": artifact_uri,
    }
    if path.endswith("experiments/get-by-name"):
        return {
            "experiment": {
                "experiment_id": "1",
                "name": "plumbline",
                "artifact_location": artifact_uri,
                "lifecycle_stage": "active",
            }
        }
    if path.endswith(("runs/create", "runs/get")):
        return {"run": {"info": info, "data": {}}}
    if path.endswith("runs/update"):
        return {"run_info": info}
    if path.endswith("registered-models/create"):
        return {"registered_model": {"name": "plumbline"}}
    if path.endswith("model-versions/create"):
        return {"model_version": {"name": "plumbline", "version": "1"}}
    return {}
