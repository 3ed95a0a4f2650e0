"""The pages: their files, names and icons, and links between them."""

from dataclasses import dataclass
from pathlib import Path

from ui import st

_FOLDER = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True, slots=True)
class PageInfo:
    """One entry of the sidebar."""

    name: str
    title: str
    icon: str
    help: str

    @property
    def path(self) -> Path:
        """Return the page's file."""
        return _FOLDER / f"{self.name}.py"


PAGES = (
    PageInfo("overview", "Overview", ":material/home:", "What serves, how it does, what to do."),
    PageInfo("data", "Data", ":material/database:", "Import labelled rows and see their quality."),
    PageInfo("training", "Training", ":material/model_training:", "Train a version and judge it."),
    PageInfo("experiments", "Experiments", ":material/science:", "Compare versions and runs."),
    PageInfo("deployments", "Deployments", ":material/rocket_launch:", "Deploy and roll back."),
    PageInfo("decisions", "Decisions", ":material/rule:", "What is picked and redone, its worth."),
    PageInfo("monitoring", "Monitoring", ":material/monitoring:", "Health, accuracy, latency."),
    PageInfo("system", "System", ":material/settings:", "Store, settings, keys, people, audit."),
)

_BY_NAME = {info.name: info for info in PAGES}


def build_pages() -> list[st.Page]:
    """Return the pages of the navigation, the overview first and default."""
    return [
        st.Page(
            info.path,
            title=info.title,
            icon=info.icon,
            default=info is PAGES[0],
            help=info.help,
        )
        for info in PAGES
    ]


def link(name: str, label: str | None = None) -> None:
    """Show a link to another page, by its name."""
    info = _BY_NAME[name]
    st.page_link(info.path, label=label or info.title, icon=info.icon)
