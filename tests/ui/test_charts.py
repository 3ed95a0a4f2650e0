"""Charts: the values that are drawn, and that colour never stands alone."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.domain.training_report import Estimate
from ui.common import charts

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TIMES = [NOON + timedelta(hours=hour) for hour in range(4)]
CONFIG = Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml"


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG 2 defines it."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_line_draws_exactly_its_values_and_keeps_gaps() -> None:
    figure = charts.draw_lines(
        [charts.ChartLine("MAE", TIMES, [1.0, None, 0.0, 3.0])], unit="points"
    )
    (line,) = figure.data
    assert list(line.x) == TIMES
    assert list(line.y) == [1.0, None, 0.0, 3.0]
    assert not line.connectgaps
    assert figure.layout.yaxis.title.text == "points"
    assert figure.layout.xaxis.title.text == "time (UTC)"


def test_shares_are_drawn_as_percentages() -> None:
    figure = charts.draw_lines(
        [charts.ChartLine("accuracy", TIMES[:2], [0.8, 0.9], [0.7, 0.8], [0.9, 1.0])],
        unit="%",
        limits=[charts.Limit(0.75, "critical")],
        as_percent=True,
    )
    band, line = figure.data
    assert list(line.y) == [80.0, 90.0]
    assert list(band.y) == [90.0, 100.0, 80.0, 70.0]
    assert figure.layout.shapes[0].y0 == 75.0
    assert figure.layout.annotations[0].text == "critical"


def test_an_interval_breaks_where_its_line_breaks() -> None:
    figure = charts.draw_lines(
        [charts.ChartLine("MAE", TIMES, [1, None, 2, 3], [0, None, 1, 2], [2, None, 3, 4])],
        unit="points",
    )
    first, second, line = figure.data
    assert list(first.x) == [TIMES[0], TIMES[0]]
    assert list(first.y) == [2, 0]
    assert list(second.y) == [3, 4, 2, 1]
    assert line.name == "MAE"


def test_lines_differ_in_dash_and_symbol_as_well_as_in_colour() -> None:
    figure = charts.draw_lines(
        [charts.ChartLine(name, TIMES, [1.0, 2.0, 3.0, 4.0]) for name in ("p50", "p95", "p99")],
        unit="ms",
    )
    assert len({line.line.dash for line in figure.data}) == 3
    assert len({line.marker.symbol for line in figure.data}) == 3
    assert figure.layout.showlegend


@pytest.mark.parametrize(
    "figure",
    [
        charts.draw_lines([charts.ChartLine("a", TIMES, [None] * 4)], unit="ms"),
        charts.draw_lines([], unit="ms"),
        charts.draw_histogram({0.0: 0}, width=2, x="score", y="predictions"),
        charts.draw_marks([], unit="points"),
        charts.draw_shares({}, x="share, %"),
    ],
)
def test_a_chart_without_values_says_so(figure: charts.go.Figure) -> None:
    assert not figure.data
    assert figure.layout.annotations[0].text


def test_a_zero_is_a_value() -> None:
    figure = charts.draw_lines([charts.ChartLine("errors", TIMES[:1], [0.0])], unit="%")
    assert list(figure.data[0].y) == [0.0]


def test_a_histogram_puts_each_bar_over_its_bucket() -> None:
    figure = charts.draw_histogram({10.0: 3, 0.0: 1}, width=10, x="score", y="predictions")
    (bars,) = figure.data
    assert list(bars.x) == [5.0, 15.0]
    assert list(bars.y) == [1, 3]
    assert [list(edges) for edges in bars.customdata] == [[0.0, 10.0], [10.0, 20.0]]


def test_marks_carry_their_interval_and_guesses_are_hollow() -> None:
    figure = charts.draw_marks(
        [
            charts.build_mark("v1", Estimate(6.0, 5.5, 6.75)),
            charts.Mark("always the mean", 8.0, quiet=True),
        ],
        unit="points",
    )
    version, guess = figure.data
    assert (version.error_x.array[0], version.error_x.arrayminus[0]) == (0.75, 0.5)
    assert version.marker.symbol == "circle"
    assert guess.marker.symbol == "diamond-open"
    assert guess.error_x.array[0] == 0.0


def test_the_largest_shares_are_drawn_and_the_rest_is_added_up() -> None:
    figure = charts.draw_shares({"a": 0.1, "b": 0.6, "c": 0.2, "d": 0.1}, x="share, %", limit=2)
    (bars,) = figure.data
    assert list(bars.y) == ["b", "c", "2 others"]
    assert list(bars.x) == pytest.approx([60.0, 20.0, 20.0])
    assert list(bars.text) == ["60.0 %", "20.0 %", "20.0 %"]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_theme_knows_the_palette_and_every_colour_is_readable(mode: str) -> None:
    theme = tomllib.loads(CONFIG.read_text())["theme"][mode]
    assert tuple(theme["chartCategoricalColors"]) == charts.PALETTE
    for color in charts.PALETTE:
        assert contrast(color, theme["backgroundColor"]) >= 3.5
    for name in ("textColor", "linkColor", "grayTextColor"):
        assert contrast(theme[name], theme["backgroundColor"]) >= 4.5
    assert contrast("#ffffff", theme["primaryColor"]) >= 4.5
    for name in ("green", "orange", "red", "violet", "blue", "gray"):
        assert contrast(theme[f"{name}TextColor"], theme[f"{name}BackgroundColor"]) >= 4.5


def test_nothing_is_sent_anywhere() -> None:
    config = tomllib.loads(CONFIG.read_text())
    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["address"] == "127.0.0.1"
    assert "http" not in CONFIG.read_text()
