"""In a real browser every text is shown as it is, whatever Markdown or plotly would make of it."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_
from playwright.sync_api import Request

from core.safety.plain_text import show_hidden
from tests.e2e.product import open_browser, run_streamlit
from tests.markup import HIDDEN, HOSTILE

pytestmark = pytest.mark.browser

WAYS = ("markdown", "caption", "subheader", "error", "checkbox", "button", "metric", "bold", "item")
WAYS += ("expander", "choice", "table")
TEXTS = (*HOSTILE, *(text for text, _ in HIDDEN))
N_GENERATED = 300
_READ = """() => Object.fromEntries([...document.querySelectorAll("[class*='st-key-']")].map(e => [
    [...e.classList].find(name => name.startsWith("st-key-")).slice(7), e.innerText]))"""
_COUNT = """() => document.querySelectorAll(
    "[data-testid=stMain] :is(img, iframe, a:not([aria-label='Link to heading']))").length"""


@dataclass(frozen=True)
class Seen:
    """What the browser showed of each text, by the key of its place; what it asked for besides."""

    texts: dict[str, str]
    n_elements: int
    elsewhere: list[str]
    ticks: list[str]


def generate_texts() -> list[str]:
    """Texts made of the pieces that markup is made of."""
    pieces = any_.sampled_from(
        [
            *("*", "**", "_", "`", "~", "[", "]", "(", ")", "!", "#", ">", "<", "|", "-", "+", "="),
            *("$", ":", "::", "\\", "&", ";", "@", ".", "/", "{", "}", "^", "1.", "2)", " ", "  "),
            *("http://127.0.0.1:1/x", "https:", "//", "www", "a@b.example", "material", "red", "x"),
            *(":material/", "home", ":smile", "streamlit", "color[]", "help", "->", "--", "<-"),
            *("\n", "\u202e", "é", "img src=", "b", "amp", "#42", "y_z", "&nbsp"),
        ]
    )
    made: set[str] = set()

    @settings(max_examples=N_GENERATED * 2, database=None)
    @given(any_.lists(pieces, min_size=1, max_size=9).map("".join))
    def keep(text: str) -> None:
        if text.strip():
            made.add(text)

    keep()
    return sorted(made)[:N_GENERATED]


@pytest.fixture(scope="module")
def generated() -> list[str]:
    """Texts that nobody thought of."""
    return generate_texts()


@pytest.fixture(scope="module")
def seen(generated: list[str], tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """All texts on one page, in one browser."""
    texts = tmp_path_factory.mktemp("markup") / "texts.json"
    asked = {"every_way": TEXTS, "generated": generated, "charts": TEXTS}
    texts.write_text(json.dumps(asked), encoding="utf-8")
    with run_streamlit("tests/e2e/markup_app.py", MARKUP_TEXTS=str(texts)) as address:
        return _look(address)


def _look(address: str) -> Seen:
    elsewhere: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            elsewhere.append(request.url)

    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.on("request", note)
        page.goto(address)
        page.get_by_text("All is shown.").wait_for(timeout=180_000)
        page.wait_for_function(
            f"document.querySelectorAll('.js-plotly-plot .ytick text').length >= {len(TEXTS)}",
            timeout=180_000,
        )
        ticks = page.evaluate(
            "() => [...document.querySelectorAll('.js-plotly-plot .ytick text')]"
            ".map(e => e.textContent)"
        )
        return Seen(page.evaluate(_READ), page.evaluate(_COUNT), elsewhere, ticks)


def _read(seen: Seen, key: str) -> str:
    return seen.texts[key].replace("\xa0", " ")


def _surround(way: str, text: str) -> str:
    return {"metric": f"m\n\n{text}", "bold": f"x {text} y", "choice": f"c\n\n{text}"}.get(
        way, text
    )


@pytest.mark.parametrize("way", WAYS)
def test_every_character_is_shown_and_no_other(seen: Seen, way: str) -> None:
    for number, text in enumerate(TEXTS):
        shown = "".join(_read(seen, f"w{number}_{way}").split("\n"))
        wanted = _surround(way, show_hidden(text)).replace("\n", "")
        icon = {"expander": "keyboard_arrow_right", "table": "t"}.get(way, "")
        assert shown.removeprefix(icon).strip() == wanted.strip(), (way, text)


def test_texts_that_nobody_thought_of_are_shown_as_they_are(
    seen: Seen, generated: list[str]
) -> None:
    shown = {text: _read(seen, f"g{number}") for number, text in enumerate(generated)}
    assert shown == {text: show_hidden(text) for text in generated}


def test_a_chart_shows_every_character(seen: Seen) -> None:
    assert [text.replace("\xa0", " ").strip() for text in seen.ticks] == [
        show_hidden(text).strip() for text in TEXTS
    ]


def test_no_text_becomes_an_image_or_a_link(seen: Seen) -> None:
    assert seen.n_elements == 0


def test_no_text_makes_the_browser_ask_elsewhere(seen: Seen) -> None:
    assert seen.elsewhere == []
