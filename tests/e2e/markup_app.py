"""Shows texts, which a file holds, by everything that a page shows texts with."""

import json
import os
from collections import defaultdict
from pathlib import Path

from ui import st
from ui.common import charts
from ui.markup import Markdown

TEXTS = os.environ.get("MARKUP_TEXTS")  # not there where only examples are collected
asked: dict[str, list[str]] = defaultdict(list)
if TEXTS:
    asked.update(json.loads(Path(TEXTS).read_text(encoding="utf-8")))
for number, text in enumerate(asked["every_way"]):
    with st.container(key=f"w{number}"):
        for way, show in {
            "markdown": st.markdown,
            "caption": st.caption,
            "subheader": st.subheader,
            "error": st.error,
            "checkbox": st.checkbox,
            "button": st.button,
        }.items():
            with st.container(key=f"w{number}_{way}"):
                show(text)
        with st.container(key=f"w{number}_metric"):
            st.metric("m", text)
        with st.container(key=f"w{number}_bold"):
            st.markdown(Markdown("x **{}** y").format(text))
        with st.container(key=f"w{number}_item"):
            st.markdown(Markdown("- {}").format(text))
        with st.container(key=f"w{number}_expander"):
            st.expander(text)
        with st.container(key=f"w{number}_choice"):
            st.segmented_control("c", [text], key=f"choice{number}")
        with st.container(key=f"w{number}_table"):
            st.table([{"t": text}], hide_index=True)
for number, text in enumerate(asked["generated"]):
    with st.container(key=f"g{number}"):
        st.markdown(text)
for number, text in enumerate(asked["charts"]):
    with st.container(key=f"c{number}"):
        st.plotly_chart(
            charts.draw_shares({text: 1.0}, x=text),
            key=f"chart{number}",
            alt=text,
            config=charts.CONFIG,
        )
st.markdown("All is shown.")
