"""What promoted versions promised and delivered, and what the gates have spent."""

from core import text
from core.bootstrap import App
from core.domain.version import version_name
from core.monitoring.promotion_review import load_lookbacks
from core.store.models import alpha_spendings
from core.training.evaluate.alpha_budget import YEAR, YEARLY_ALPHA
from ui import st
from ui.common import tables
from ui.markup import Markdown


def show(app: App) -> None:
    """The look-back on every promotion, then the year's chance of a false one."""
    now = app.now()
    found = load_lookbacks(app.db, now)
    with app.db.read() as conn:
        spendings = alpha_spendings.load_spendings(conn, now - YEAR)
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
    if spendings:
        spent = sum(spending.alpha for spending in spendings)
        st.caption(
            f"{text.count(len(spendings), 'gate')} against a champion in the last 365 days "
            f"spent {text.percent(spent)} of the {text.percent(YEARLY_ALPHA)} chance that a "
            "year has of promoting a version that is no better."
        )
