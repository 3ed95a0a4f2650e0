"""Charts of several versions: every value is drawn, and colour never stands alone."""

from datetime import timedelta

from core.deployment.timeline import Lane, Timeline, TimelineSpan
from core.domain.training_report import Estimate
from tests.conftest import NOON
from ui.common import charts
from ui.experiments.compare_charts import draw_series, draw_shares_beside

POINT = charts.Point(100.0, Estimate(5.0, 4.0, 6.5), "100 rows")


def test_each_version_has_its_own_dash_symbol_and_interval() -> None:
    figure = draw_series({"v1": [POINT], "v2": [POINT]}, x="rows", y="MAE", zero="as it says")
    assert len({(line.line.dash, line.marker.symbol) for line in figure.data}) == 2
    assert figure.data[0].error_y.array == (1.5,)
    assert figure.data[0].error_y.arrayminus == (1.0,)
    assert figure.layout.annotations[0].text == "as it says"


def test_a_version_has_one_colour_in_every_chart() -> None:
    estimate, until_at = Estimate(5.0, 4.0, 6.5), NOON + timedelta(days=1)
    spans = tuple(
        TimelineSpan(Lane.SERVES, name, NOON, until_at, "deployed") for name in ("v2", "v3")
    )
    timeline = charts.draw_timeline(Timeline(NOON, until_at, spans, ()))
    series = draw_series({"v3": [POINT], "v2": [POINT]}, x="rows", y="MAE")
    shares = draw_shares_beside({"v3": {"a": 1.0}, "v2": {"a": 1.0}}, x="share")
    marks = charts.draw_marks(
        [charts.build_mark("v3", estimate), charts.build_mark("v2, which served then", estimate)],
        unit="points",
    )
    lines = [charts.ChartLine(f"advantage of {name}", [NOON], [1.0]) for name in ("v3", "v2")]
    advantage = charts.draw_lines(lines, unit="points")
    v2, v3 = (line.line.color for line in timeline.data[:2])
    assert v2 != v3
    assert [line.line.color for line in series.data] == [v3, v2]
    assert [bar.marker.color for bar in shares.data] == [v3, v2]
    assert [mark.marker.color for mark in marks.data] == [v3, v2]
    assert [line.line.color for line in advantage.data] == [v3, v2]


def test_without_a_point_a_sentence_stands_in_its_place() -> None:
    assert draw_series({"v1": []}, x="rows", y="MAE").layout.annotations[0].text == "Too few rows"
    empty = draw_shares_beside({"v1": {}}, x="share")
    assert empty.layout.annotations[0].text == "No version has skill to attribute"


def test_a_feature_that_one_version_lacks_has_no_share_there_and_the_rest_is_counted() -> None:
    shares = {"v1": {"a": 0.7, "b": 0.3}, "v2": {"c": 1.0}}
    figure = draw_shares_beside(shares, x="share", limit=2)
    assert [list(bar.x) for bar in figure.data] == [[0.0, 70.0], [100.0, 0.0]]
    assert list(figure.data[0].y) == ["c", "a"]
    assert len({bar.marker.pattern.shape for bar in figure.data}) == 2
    assert figure.layout.xaxis.title.text == "share (1 more left out)"
