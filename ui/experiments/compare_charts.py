"""Charts that compare several versions."""

from collections.abc import Mapping, Sequence

from ui.common import charts

_PATTERNS = ("", "/", "x", ".")


def draw_series(
    series: Mapping[str, Sequence[charts.Point]], *, x: str, y: str, zero: str | None = None
) -> charts.Figure:
    """Draw values over a number with their 95 % confidence intervals, a line, dash and symbol for
    each name; `zero` names the line at 0, which is then drawn."""
    figure = charts.build_figure(y=y, height=300)
    if not any(series.values()):
        return charts.build_empty(figure, "Too few rows")
    for index, (name, points) in enumerate(series.items()):
        color = charts.choose_color(name)
        figure.add_scatter(
            name=name,
            x=[p.x for p in points],
            y=[p.estimate.value for p in points],
            customdata=[[p.name, p.estimate.low, p.estimate.high] for p in points],
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": charts.DASHES[index % len(charts.DASHES)]},
            marker={
                "color": color,
                "size": 8,
                "symbol": charts.SYMBOLS[index % len(charts.SYMBOLS)],
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [p.estimate.high - p.estimate.value for p in points],
                "arrayminus": [p.estimate.value - p.estimate.low for p in points],
                "color": color,
                "thickness": 1.5,
                "width": 4,
            },
            hovertemplate="%{y:.2f} (%{customdata[1]:.2f} to %{customdata[2]:.2f}), "
            "%{customdata[0]}<extra>%{fullData.name}</extra>",
        )
    if zero is not None:
        figure.add_hline(
            y=0,
            line={"color": charts.GREY, "width": 1, "dash": "longdash"},
            annotation={"text": zero, "font": charts.LABEL, "xanchor": "right"},
        )
    figure.update_xaxes(title_text=x)
    figure.update_layout(showlegend=True)
    return figure


def draw_shares_beside(
    shares: Mapping[str, Mapping[str, float]], *, x: str, limit: int = 12
) -> charts.Figure:
    """Draw the shares of each name next to each other, the largest on top; the axis's title counts
    the parts left out."""
    largest: dict[str, float] = {}
    for of in shares.values():
        for part, share in of.items():
            largest[part] = max(share, largest.get(part, 0.0))
    ranked = sorted(largest, key=lambda part: -largest[part])
    shown, n_rest = ranked[:limit], max(len(ranked) - limit, 0)
    figure = charts.build_figure(y="", height=110 + (12 + 14 * len(shares)) * max(len(shown), 1))
    if not shown:
        return charts.build_empty(figure, "No version has skill to attribute")
    for index, (name, of) in enumerate(shares.items()):
        figure.add_bar(
            name=name,
            x=[of.get(part, 0.0) * 100 for part in shown],
            y=shown,
            orientation="h",
            marker={
                "color": charts.choose_color(name),
                "pattern": {"shape": _PATTERNS[index % len(_PATTERNS)]},
                "line": {"width": 0},
            },
            hovertemplate="%{y}: %{x:.1f} %<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(showlegend=True, barmode="group", bargap=0.3)
    figure.update_xaxes(title_text=f"{x} ({n_rest} more left out)" if n_rest else x, showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure
