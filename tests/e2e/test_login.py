"""Logging in and out in a real browser, and what its pages may load."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import open_browser
from tests.oidc import OidcProvider, run_provider, write_secrets
from tests.ui.test_server import answers, find_port, serve, wait_until

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
MINUTE_MS = 60_000
VIOLATIONS = """
delete window.showSaveFilePicker;  // its dialog waits for a person
window.violations = [];
document.addEventListener('securitypolicyviolation', event =>
  window.violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""


@dataclass
class Site:
    """A dashboard with a login, its provider and a browser."""

    url: str
    provider: OidcProvider
    browser: Browser

    def open(self, path: str, **options: object) -> Page:
        """A page in a browser of its own, without cookies."""
        page = self.browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(MINUTE_MS)
        page.goto(f"{self.url}{path}")
        return page

    def log_in(self, path: str, **options: object) -> Page:
        """A page of somebody who came by a deep link and logged in."""
        page = self.open(path, **options)
        page.get_by_role("link", name="Log in").click()
        return page


@contextmanager
def run_site(folder: Path, home: Path, *, by_https: bool = False) -> Iterator[Site]:
    """The dashboard, started with a login."""
    port = find_port()
    url = f"{'https' if by_https else 'http'}://127.0.0.1:{port}"
    secrets = folder / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    files = write_certificate(folder) if by_https else {}
    settings = [f'PLUMBLINE_{name} = "{path}"' for name, path in files.items()]
    flags = [f"--server.ssl{flag}={files[name]}" for name, flag in FLAGS.items() if files]
    with run_provider() as provider:
        section = write_secrets(provider.url, url)
        lines = [f'{name} = "{value}"' for name, value in section.items()]
        secrets.write_text("\n".join([*settings, "[auth]", *lines]))
        with serve(folder, home, *flags, port=port), open_browser() as browser:
            wait_until(lambda: answers(f"{url}/_stcore/health"), "the server's start")
            yield Site(url, provider, browser)


FLAGS = {"TLS_CERTIFICATE": "CertFile", "TLS_KEY": "KeyFile"}


def write_certificate(folder: Path) -> dict[str, Path]:
    """A certificate of this machine that nobody vouches for, and its key, by their settings."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    paths = {"TLS_CERTIFICATE": folder / "chain.pem", "TLS_KEY": folder / "key.pem"}
    paths["TLS_CERTIFICATE"].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths["TLS_KEY"].write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return paths


def expect_login(page: Page) -> None:
    """Fail where somebody sees more than the login."""
    expect(page.get_by_role("heading", name="Log in to see this dashboard")).to_be_visible(
        timeout=MINUTE_MS
    )


def test_a_login_leads_to_the_page_and_ends_everywhere_at_once(tmp_path: Path, home: Path) -> None:
    with run_site(tmp_path, home) as site:
        page = site.log_in("/monitoring?window=7")
        expect(page.get_by_role("heading", name="Monitoring")).to_be_visible(timeout=MINUTE_MS)
        assert page.url.startswith(f"{site.url}/monitoring")
        expect(page.get_by_text("ada@example.com")).to_be_visible()
        cookies = page.context.cookies()
        other = page.context.new_page()
        other.goto(f"{site.url}/deployments")
        expect(other.get_by_role("heading", name="Deployments")).to_be_visible(timeout=MINUTE_MS)

        page.get_by_role("button", name="Log out").click()
        expect_login(page)
        other.get_by_role("link", name="System").click()  # a rerun over an open websocket
        expect_login(other)
        expect(other.get_by_role("heading", name="System")).to_have_count(0)

        thief = site.browser.new_context()
        thief.add_cookies(cookies)  # type: ignore[arg-type]
        replayed = thief.new_page()
        replayed.goto(f"{site.url}/system")
        expect_login(replayed)


def test_by_https_every_cookie_is_sent_by_https_only(tmp_path: Path, home: Path) -> None:
    with run_site(tmp_path, home, by_https=True) as site:
        page = site.log_in("/system", ignore_https_errors=True)
        expect(page.get_by_role("heading", name="System")).to_be_visible(timeout=MINUTE_MS)
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies(site.url)}
        assert {"__Host-plumbline", "_streamlit_xsrf"} <= set(cookies)
        assert all(cookie["secure"] for cookie in cookies.values())
        assert cookies["__Host-plumbline"]["httpOnly"]
        answer = page.request.get(f"{site.url}/_stcore/health")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        page.get_by_role("button", name="Log out").click()
        expect_login(page)


def test_keys_need_a_login_of_the_last_minutes(tmp_path: Path, home: Path) -> None:
    with run_site(tmp_path, home) as site:
        site.provider.claims = {"auth_time": int(time.time()) - 3600}
        page = site.log_in("/system")
        again = page.get_by_role("button", name="Log in again")
        expect(again).to_be_visible(timeout=MINUTE_MS)
        expect(page.get_by_role("button", name="Create a key")).to_have_count(0)
        site.provider.claims = {"auth_time": int(time.time())}
        again.click()
        expect(page.get_by_role("button", name="Create a key")).to_be_visible(timeout=MINUTE_MS)
        assert page.url.startswith(f"{site.url}/system")
        assert site.provider.asked[-1]["prompt"] == "login"


def test_no_page_loads_what_the_policy_forbids(tmp_path: Path, home: Path) -> None:
    """Charts, tables, an upload and a download work, and nothing is fetched from elsewhere."""
    environ = {"PLUMBLINE_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    for words in ("demo --rows 400", "train baseline", "deploy 1 --reason tests --override"):
        subprocess.run(
            [sys.executable, "-m", "core", *words.split()],
            cwd=tmp_path,
            env=environ,
            check=True,
            capture_output=True,
        )
    rows = tmp_path / "rows.csv"
    rows.write_text("length,target\n" + "".join(f"{n},{n % 100}\n" for n in range(200)))
    with run_site(tmp_path, home) as site:
        page = site.log_in("/")
        page.add_init_script(VIOLATIONS)
        elsewhere: list[str] = []
        own = (site.url, "data:", "blob:", site.url.replace("http", "ws"))
        page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith(own) else None)
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text))
        for path, heading in (
            *(("/", "Overview"), ("/data", "Data"), ("/training", "Training")),
            *(("/experiments", "Experiments"), ("/deployments", "Deployments")),
            *(("/monitoring", "Monitoring"), ("/system", "System")),
        ):
            page.goto(f"{site.url}{path}")
            expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible(
                timeout=MINUTE_MS
            )
            expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=MINUTE_MS)
            assert page.evaluate("window.violations") == [], path
        page.goto(f"{site.url}/training")
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=MINUTE_MS)

        page.goto(f"{site.url}/data")
        page.locator("input[type=file]").first.set_input_files(str(rows))
        expect(page.get_by_text("Import rows.csv").first).to_be_visible(timeout=MINUTE_MS)
        table = page.get_by_test_id("stDataFrame").first
        table.hover()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as CSV").first.click()
        assert download.value.path().stat().st_size > 0

        assert page.evaluate("window.violations") == []
        assert elsewhere == []
        assert not [text for text in said if "Content Security Policy" in text]
