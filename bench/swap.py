"""A deployment under load: the slowest request beside that of the seconds before, and whether any
failed.

Run as `python -m bench.swap`, with wrk on the path. The version that is deployed is new to the
server, which loads it beside answering."""

import statistics
import threading
from datetime import UTC, datetime

from bench.load import Load, run_wrk
from bench.peers.model import fit, register
from bench.serving import DATA, Server, list_servers, prepare_all, run
from core.bootstrap import App, build_app
from core.deployment.release import deploy
from core.domain.actor import Actor, Role
from core.store.models import deployments, versions

ROUNDS, SECONDS, CONNECTIONS = 3, 6, 8

BENCH = Actor("bench", Role.ADMIN)


def prepare_versions(app: App) -> None:
    """Two versions, of which the first serves."""
    with app.db.read() as conn:
        n_versions = versions.count_versions(conn)
    if n_versions < 2:
        register(app, fit())
    release(app, 1)


def release(app: App, number: int) -> None:
    """Let a version serve, where another does."""
    with app.db.read() as conn:
        current = deployments.find_current(conn)
    if current is not None and current.plan.champion == number:
        return
    now = datetime.now(UTC)
    deploy(app.db, app.registry, number, reason="swap", by=BENCH, override=True, now=now)


def measure(app: App, server: Server) -> tuple[Load, Load]:
    """The usual load, and the one amid which the second version is deployed."""
    release(app, 1)
    with run(server):
        run_wrk(CONNECTIONS, 2)  # warm
        usual = run_wrk(CONNECTIONS, SECONDS)
        swap = threading.Timer(SECONDS / 3, release, (app, 2))
        swap.start()
        amid = run_wrk(CONNECTIONS, SECONDS)
        swap.join()
    return usual, amid


def main() -> None:
    """Print the rounds and their medians."""
    prepare_all()
    [ours] = [server for server in list_servers() if server.name == "Plumbline, process"]
    app = build_app({"PLUMBLINE_HOME": str(DATA / "home")})
    prepare_versions(app)
    print(f"{'round':>6} {'req/s':>8} {'slowest ms':>11} {'amid a swap':>12} {'failed':>7}")
    more: list[float] = []
    for number in range(1, ROUNDS + 1):
        usual, amid = measure(app, ours)
        more.append(amid.slowest_ms - usual.slowest_ms)
        print(
            f"{number:6} {usual.per_second:8.0f} {usual.slowest_ms:11.1f} {amid.slowest_ms:12.1f} "
            f"{usual.n_failed + amid.n_failed:7}",
            flush=True,
        )
    print(f"slowest request amid a deployment: {statistics.median(more):+.1f} ms (median)")
    release(app, 1)
    app.close()


if __name__ == "__main__":
    main()
