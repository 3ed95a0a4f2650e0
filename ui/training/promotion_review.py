"""The table of promotions with the expected and the live error of each version."""

from core.bootstrap import App
from core.domain.version import version_name
from core.monitoring.promotion_review import load_lookbacks
from ui import st
from ui.common import tables
from ui.markup import Markdown


def show(app: App) -> None:
    """Show each promotion's expected and live error, if there is a promotion."""
    found = load_lookbacks(app.db, app.now())
    if found:
        st.markdown(Markdown("**Expected and live error, 14 days after each promotion**"))
        tables.show(
            [
                {
                    "version": version_name(lookback.promotion.version),
                    "promoted (UTC)": lookback.promotion.at,
                    "verdict": lookback.verdict,
                }
                for lookback in found
            ],
            key="lookbacks",
            alt="Each promotion with its expected and its live error",
            columns={"promoted (UTC)": tables.time(), "verdict": tables.wide()},
        )
