"""The table of promotions: the error that each version promised and the one it delivered."""

from core.bootstrap import App
from core.domain.version import version_name
from core.monitoring.promotion_review import load_lookbacks
from ui import st
from ui.common import tables
from ui.markup import Markdown


def show(app: App) -> None:
    """Show each promotion's promised and delivered error, once there is a promotion."""
    found = load_lookbacks(app.db, app.now())
    if found:
        st.markdown(Markdown("**Promised and delivered, 14 days after each promotion**"))
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
            alt="Each promotion with its promised and its delivered error",
            columns={"promoted (UTC)": tables.time(), "verdict": tables.wide()},
        )
