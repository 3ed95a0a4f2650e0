"""The script of every visit: the guard, the list of pages, the sidebar, then the page itself."""

from pathlib import Path

from ui import st
from ui.common import context, pages, sidebar

st.set_page_config(
    page_title="Plumbline",
    page_icon=str(Path(__file__).with_name("mark.svg")),
    layout="wide",
)
st.logo(str(Path(__file__).with_name("logo.svg")), size="large")
app = context.get_app()
context.prepare()
page = st.navigation(pages.build_pages())
sidebar.show(app)
page.run()
