"""A category or a score band has the figures of its rows, or none where too few have a label."""

from dataclasses import replace

import numpy as np
import pytest

from core.monitoring.slices.slice_metrics import Unit, measure_bands, measure_groups
from core.settings import Scale
from core.stats.metrics import accuracy, mae, rmse
from tests.monitoring.worlds import draw_outcome as draw

UNIT = Unit(Scale(0.0, 100.0), tolerance=5.0, min_labels=30)


def test_groups_below_the_smallest_number_of_labels_have_no_figure() -> None:
    groups = measure_groups(draw(5, 200), UNIT)
    assert [group.value for group in groups][:2] == ["anthropic", "google"]
    assert groups[0].mae is not None
    assert groups[0].mae.low < groups[0].mae.value < groups[0].mae.high
    assert groups[-1].value == "mistral"
    assert groups[-1].n < 30
    assert (groups[-1].mae, groups[-1].rmse, groups[-1].skill, groups[-1].naive) == (None,) * 4
    assert sum(group.n for group in groups) == 200


def test_bands_cover_the_scale() -> None:
    bands = measure_bands(draw(6, 500), UNIT)
    assert bands[0].value == "0 to 20"
    assert (bands[0].n, bands[0].mae) == (0, None)
    assert sum(band.n for band in bands) == 500


def test_a_group_has_the_figures_of_its_rows_beside_the_naive_ones() -> None:
    outcome = draw(7, bias=8.0)
    groups = {group.value: group for group in measure_groups(outcome, UNIT)}
    rows = np.array(outcome.columns["provider"]) == "openai"
    found, actual, scores = groups["openai"], outcome.actual[rows], outcome.scores[rows]
    assert found.mae is not None
    assert found.rmse is not None
    assert found.accuracy is not None
    assert found.skill is not None
    assert found.naive is not None
    assert found.mae.value == pytest.approx(mae(actual, scores))
    assert found.rmse.value == pytest.approx(rmse(actual, scores))
    assert found.accuracy.value == pytest.approx(accuracy(actual, scores, 5.0))
    assert found.naive.mae == pytest.approx(mae(actual, found.naive.guess))
    assert found.naive.rmse == pytest.approx(float(np.std(actual)), abs=0.01)
    assert found.skill.value == pytest.approx(1 - found.mae.value / found.naive.mae)
    assert found.skill.low < found.skill.value < found.skill.high
    assert found.skill.value < groups["anthropic"].skill.value  # type: ignore[union-attr]


def test_rows_of_a_day_that_are_alike_widen_the_intervals_of_a_group() -> None:
    outcome = draw(8, 1_000)
    n_days = 10
    day = np.arange(1_000) % n_days
    mood = np.linspace(-4, 4, n_days)[day]
    alike = replace(outcome, actual=outcome.scores - np.abs(6 + mood), day=day)
    shuffled = replace(alike, day=np.arange(1_000) // 100)
    widths = [
        group.mae.high - group.mae.low
        for group in (measure_groups(one, UNIT)[0] for one in (alike, shuffled))
        if group.mae is not None
    ]
    assert widths[0] > 3 * widths[1]
