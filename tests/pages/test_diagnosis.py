"""The training page says where a version errs; a prediction is explained, or it is said why not."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.domain.dataset import Erasure, Trace, Use
from core.store.data import erasures
from core.store.models import versions
from tests.pages.test_past import table_with

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]


def test_the_training_page_says_where_a_version_errs(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("training")
    assert not page.exception
    text = read(page)
    assert "too high by 7.00 at 65.0." in text
    assert "More rows would probably help: from 200 to 400 the MAE fell by 0.400" in text
    (segment,) = table_with(page, "bias, points")
    assert list(segment)[:4] == ["language", "python", 60, "9.00 (8.00–10.00)"]
    (worst,) = table_with(page, "raw values")
    assert worst[3] == "no longer in the store"


def test_a_score_whose_artifact_is_gone_is_not_explained_and_says_why(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("deployments", prediction=f"{3:032x}")
    page.button(key="explain").click().run()
    assert not page.exception
    assert page.error


def test_what_was_learned_from_is_not_shown_where_it_is_gone(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("deployments", prediction=f"{3:032x}")
    page.button(key="nearest").click().run()
    assert not page.exception
    assert page.error


def test_a_version_says_that_rows_it_learned_from_were_deleted(
    full: App, open_page: OpenPage, read: Read
) -> None:
    assert "deleted for good" not in read(open_page("training"))
    with full.db.write() as conn:
        newest = versions.load_versions(conn)[0]
        use = Use(newest.snapshot_id, 3, (newest.number,))
        found = Trace(3, 0, (use,))
        erasures.append_erasure(conn, Erasure(full.now(), "ada", "asked for", found, ()))
    text = read(open_page("training"))
    assert f"3 rows of snapshot {newest.snapshot_id} were deleted for good" in text
