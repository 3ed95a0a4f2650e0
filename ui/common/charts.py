"""The one chart style: values in, a plotly figure out, readable in both themes and uncoloured."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go

from core import text
from core.deployment.timeline import Lane, Timeline
from core.domain.training_report import Estimate
from ui.markup import escape_for_chart

PALETTE = ("#1b8296", "#c8602a", "#9a63b5", "#b07a10", "#2f7fc1", "#75808e")
"""At least 3.5 to 1 against both backgrounds; the theme's chart colours, as a test holds."""

GREY = "#75808e"
LABEL = {"size": 12, "color": GREY}
_GRID = "rgba(117, 128, 142, 0.22)"
DASHES = ("solid", "dash", "dot", "dashdot")
_LANE_SYMBOLS = {
    Lane.RELEASES: "triangle-up",
    Lane.TRAININGS: "diamond",
    Lane.DATA: "square",
}
SYMBOLS = ("circle", "square", "diamond", "triangle-up")

_TEMPLATES = frozenset({"hovertemplate", "template"})

CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"]}
"""The tool bar that a chart shows on hover."""


class Figure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A figure whose texts (names, titles, ticks, hover) are shown literally. Only templates may
    hold markup: text from outside stands in `name` or `customdata`, which the template names."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as the browser gets it, its texts escaped."""
        found = super().to_dict()
        return {key: _escape_texts(found[key]) if key != "frames" else found[key] for key in found}


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One series over time; a None breaks the line. `low` and `high` draw its interval."""

    name: str
    at: Sequence[datetime]
    values: Sequence[float | None]
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold, drawn across the chart and named at its end."""

    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of a comparison: a value, and its interval if it has one."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    quiet: bool = False  # a baseline, which the others have to beat


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its interval over a number; `name` is shown on hover."""

    x: float
    estimate: Estimate
    name: str


def draw_lines(
    lines: Sequence[ChartLine],
    *,
    unit: str,
    limits: Sequence[Limit] = (),
    as_percent: bool = False,
    from_zero: bool = False,
    empty: str = "No values in this window",
) -> Figure:
    """Draw series over time, each with its own dash and symbol; shares are drawn as percentages.
    `empty` is the text of an empty chart."""
    factor = 100.0 if as_percent else 1.0
    figure = build_figure(y=unit, height=280)
    if not any(value is not None for line in lines for value in line.values):
        return build_empty(figure, empty)
    for index, line in enumerate(lines):
        color = choose_color(line.name, PALETTE[index % len(PALETTE)])
        if line.low is not None and line.high is not None:
            _add_band(figure, line, color, factor)
        figure.add_scatter(
            name=line.name,
            x=list(line.at),
            y=_scaled(line.values, factor),
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": DASHES[index % len(DASHES)]},
            marker={"color": color, "size": 5, "symbol": SYMBOLS[index % len(SYMBOLS)]},
            hovertemplate="%{y:,.4~g} %{meta}<extra>%{fullData.name}</extra>",
            meta=unit,
        )
    for limit in limits:
        figure.add_hline(
            y=limit.value * factor,
            line={"color": GREY, "width": 1, "dash": "longdash"},
            annotation={
                "text": limit.name,
                "font": LABEL,
                "xanchor": "right",
            },
        )
    figure.update_layout(hovermode="x unified", showlegend=len(lines) > 1)
    figure.update_xaxes(title_text="time (UTC)", type="date")
    if from_zero:
        figure.update_yaxes(rangemode="tozero")
    return figure


def draw_histogram(counts: Mapping[float, int], *, width: float, x: str, y: str) -> Figure:
    """Draw how many values fall into each bucket; `counts` is by a bucket's lower edge, `width`
    wide."""
    figure = build_figure(y=y, height=240)
    if not sum(counts.values()):
        return build_empty(figure, "No values in this window")
    edges = sorted(counts)
    figure.add_bar(
        x=[edge + width / 2 for edge in edges],
        y=[counts[edge] for edge in edges],
        width=[width * 0.92] * len(edges),
        marker={"color": PALETTE[0], "line": {"width": 0}},
        customdata=[[edge, edge + width] for edge in edges],
        hovertemplate="%{customdata[0]:g} to %{customdata[1]:g}: %{y:,} %{meta}<extra></extra>",
        meta=y,
    )
    figure.update_xaxes(title_text=x)
    figure.update_layout(showlegend=False, bargap=0)
    return figure


def draw_change(
    bins: Sequence[str], before: Sequence[float], now: Sequence[float], *, x: str
) -> Figure:
    """Draw the shares of rows by bin in the holdout and in the window, without bins that are empty
    in both."""
    figure = build_figure(y="rows, %", height=260)
    kept = [i for i in range(len(bins)) if before[i] or now[i]]
    if not kept:
        return build_empty(figure, "No values to compare")
    for name, shares, color, pattern in (
        ("holdout", before, GREY, "/"),
        ("now", now, PALETTE[1], ""),
    ):
        figure.add_bar(
            name=name,
            x=[bins[i] for i in kept],
            y=[shares[i] * 100 for i in kept],
            marker={"color": color, "pattern": {"shape": pattern}, "line": {"width": 0}},
            hovertemplate="%{x}: %{y:.1f} % of the rows<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="group", bargap=0.2)
    figure.update_xaxes(title_text=x, type="category")
    return figure


def draw_marks(marks: Sequence[Mark], *, unit: str) -> Figure:
    """Draw values under each other with their 95 % confidence intervals; quiet ones are hollow."""
    figure = build_figure(y="", height=90 + 34 * max(len(marks), 1))
    if not marks:
        return build_empty(figure, "Nothing to compare yet")
    for mark in marks:
        color = GREY if mark.quiet else choose_color(mark.name, PALETTE[0])
        has_interval = mark.low is not None and mark.high is not None
        figure.add_scatter(
            name=mark.name,
            x=[mark.value],
            y=[mark.name],
            mode="markers",
            marker={
                "color": color,
                "size": 11,
                "symbol": "diamond-open" if mark.quiet else "circle",
                "line": {"width": 2, "color": color},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [(mark.high or 0.0) - mark.value if has_interval else 0.0],
                "arrayminus": [mark.value - (mark.low or 0.0) if has_interval else 0.0],
                "color": color,
                "thickness": 2,
                "width": 5 if has_interval else 0,
            },
            hovertemplate="%{x:,.4~g} %{meta}<extra>%{fullData.name}</extra>",
            meta=unit,
        )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title_text=unit, showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure


def draw_points(
    points: Sequence[Point], *, x: str, y: str, as_expected: str | None = None
) -> Figure:
    """Draw values over a number with their 95 % confidence intervals, joined by a line;
    `as_expected` names the diagonal of equal values."""
    figure = build_figure(y=y, height=280)
    if not points:
        return build_empty(figure, "Too few rows")
    if as_expected is not None:
        ends = [min(p.x for p in points), max(p.x for p in points)]
        figure.add_scatter(
            name=as_expected,
            x=ends,
            y=ends,
            mode="lines",
            line={"color": GREY, "width": 1, "dash": "longdash"},
            hoverinfo="skip",
        )
    figure.add_scatter(
        name="measured",
        x=[p.x for p in points],
        y=[p.estimate.value for p in points],
        customdata=[[p.name, p.estimate.low, p.estimate.high] for p in points],
        mode="lines+markers",
        line={"color": PALETTE[0], "width": 2},
        marker={"color": PALETTE[0], "size": 8},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [p.estimate.high - p.estimate.value for p in points],
            "arrayminus": [p.estimate.value - p.estimate.low for p in points],
            "color": PALETTE[0],
            "thickness": 1.5,
            "width": 4,
        },
        hovertemplate="%{y:.2f} (%{customdata[1]:.2f} to %{customdata[2]:.2f}), %{customdata[0]}"
        "<extra></extra>",
    )
    figure.update_xaxes(title_text=x)
    figure.update_layout(showlegend=as_expected is not None)
    return figure


def draw_shares(shares: Mapping[str, float], *, x: str, limit: int = 15) -> Figure:
    """Draw the largest shares of a whole, largest on top; the others are added up and counted."""
    figure = build_figure(y="", height=90 + 24 * min(max(len(shares), 1), limit + 1))
    if not shares:
        return build_empty(figure, "Nothing to show")
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    shown, rest = ranked[:limit], ranked[limit:]
    if rest:
        shown.append((f"{len(rest)} others", sum(share for _, share in rest)))
    figure.add_bar(
        x=[share * 100 for _, share in shown],
        y=[name for name, _ in shown],
        orientation="h",
        marker={"color": [PALETTE[0]] * min(len(ranked), limit) + [GREY] * bool(rest)},
        text=[text.percent(share) for _, share in shown],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
    )
    figure.update_layout(showlegend=False, bargap=0.35)
    headroom = max(share for _, share in shown) * 100 * 1.2  # the labels stand beyond the bars
    figure.update_xaxes(title_text=x, range=[0, headroom], showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure


def draw_timeline(timeline: Timeline) -> Figure:
    """Draw periods as bars and events as marks on one time axis, a line for each kind."""
    figure = build_figure(y="", height=340)
    if not timeline.spans and not timeline.moments:
        return build_empty(figure, "Nothing happened in this window")
    for span in timeline.spans:
        figure.add_scatter(
            name=span.name,
            x=[span.from_at, span.to_at],
            y=[span.lane.value] * 2,
            mode="lines",
            line={"color": choose_color(span.name), "width": 12},
            hovertemplate="%{meta}<br>%{x}<extra>%{fullData.name}</extra>",
            meta=span.detail,
        )
        figure.add_annotation(
            x=span.from_at,
            y=span.lane.value,
            text=span.name,
            font=LABEL,
            showarrow=False,
            xanchor="left",
            yshift=16,  # above the bar
        )
    for lane in Lane:
        found = [moment for moment in timeline.moments if moment.lane is lane]
        figure.add_scatter(
            name=lane.value,
            x=[moment.at for moment in found],
            y=[lane.value] * len(found),
            mode="markers",
            marker={"size": 11, "color": GREY, "symbol": _LANE_SYMBOLS.get(lane, "circle")},
            customdata=[[moment.name, moment.detail] for moment in found],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<br>%{x}<extra></extra>",
        )
    figure.update_layout(showlegend=False, hovermode="closest")
    first = min(
        [span.from_at for span in timeline.spans] + [moment.at for moment in timeline.moments]
    )
    margin = (timeline.to_at - first) * 0.03  # for the marks at both ends
    figure.update_xaxes(
        title_text="time (UTC)", type="date", range=[first - margin, timeline.to_at + margin]
    )
    lanes = [lane.value for lane in Lane]
    figure.update_yaxes(
        categoryorder="array", categoryarray=lanes[::-1], range=[-0.6, len(lanes) - 0.3]
    )
    return figure


def build_mark(name: str, estimate: Estimate, factor: float = 1.0) -> Mark:
    """Return the row of an estimate.

    >>> build_mark("v3", Estimate(0.5, 0.25, 0.75), factor=100)
    Mark(name='v3', value=50.0, low=25.0, high=75.0, quiet=False)
    """
    return Mark(name, estimate.value * factor, estimate.low * factor, estimate.high * factor)


def _add_band(figure: Figure, line: ChartLine, color: str, factor: float) -> None:
    """Add a filled polygon for each run of points with an interval, so that gaps stay gaps."""
    run: list[tuple[datetime, float, float]] = []
    lows, highs = line.low or (), line.high or ()
    for at, low, high in [*zip(line.at, lows, highs, strict=True), (None, None, None)]:
        if at is not None and low is not None and high is not None:
            run.append((at, low * factor, high * factor))
        elif run:
            figure.add_scatter(
                name=f"{line.name}, 95 % confidence interval",
                x=[at for at, _, _ in run] + [at for at, _, _ in reversed(run)],
                y=[high for _, _, high in run] + [low for _, low, _ in reversed(run)],
                fill="toself",
                fillcolor=_fade(color),
                mode="lines" if len(run) > 1 else "lines+markers",
                line={"width": 0 if len(run) > 1 else 2, "color": color},
                marker={"symbol": "line-ew-open", "size": 8, "color": color},
                hoverinfo="skip",
                showlegend=False,
            )
            run = []


def choose_color(name: str, otherwise: str = GREY) -> str:
    """Return the colour of the version that a name speaks of, the same in every chart, or
    `otherwise`. Five colours take turns, so that v1 and v6 share one.

    >>> choose_color("advantage of v3") == choose_color("v3") != choose_color("v4")
    True
    >>> choose_color("p95 latency") == GREY
    True
    """
    found = re.search(r"\bv(\d+)\b", name)
    return PALETTE[int(found[1]) % (len(PALETTE) - 1)] if found else otherwise


def build_figure(*, y: str, height: int) -> Figure:
    """Return an empty figure in the common style; `y` is the title of its vertical axis."""
    axis = {"gridcolor": _GRID, "zeroline": False, "automargin": True, "tickfont": LABEL}
    # Said at once: laid on afterwards, plotly compares each part with all, ten times as long.
    return Figure(
        layout={
            "height": height,
            "margin": {"l": 56, "r": 12, "t": 28, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "hoverlabel": {"namelength": -1},
            "xaxis": {"title": {"font": LABEL, "standoff": 6}, **axis},
            "yaxis": {"title": {"text": y, "font": LABEL, "standoff": 14}, **axis},
        }
    )


def build_empty(figure: Figure, text: str) -> Figure:
    """Return the figure with a text in place of data."""
    for number, line in enumerate(text.splitlines()):
        figure.add_annotation(
            text=line,
            x=0.5,
            y=0.5,
            yshift=-20 * number,
            xref="paper",
            yref="paper",
            showarrow=False,
            font={"size": 14, "color": GREY},
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(height=140)
    return figure


def _escape_texts(found: Any) -> Any:
    if isinstance(found, str):
        return escape_for_chart(found)
    if isinstance(found, dict):
        return {
            key: value if key in _TEMPLATES else _escape_texts(value)
            for key, value in found.items()
        }
    return [_escape_texts(one) for one in found] if isinstance(found, list | tuple) else found


def _scaled(values: Sequence[float | None], factor: float) -> list[float | None]:
    return [None if value is None else value * factor for value in values]


def _fade(color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.18)"
