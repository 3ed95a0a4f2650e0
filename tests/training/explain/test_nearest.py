"""The nearest rows are those that a brute-force look at the encoded matrix finds, and a logged
prediction finds its own."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import Pipeline

from core.domain.version import Version
from core.errors import NotFound, Refused
from core.features.encoder import RowEncoder
from core.monitoring.nearest import load_nearest
from core.store.engine.database import Database
from core.store.predictions import predictions
from core.training.explain import nearest
from core.training.explain.nearest import find_nearest
from tests.fakes import make_prediction
from tests.training.worlds import FakeTracking, fill, make_samples

N = 60


def fit(rows: pd.DataFrame) -> Pipeline:
    steps = [("encode", RowEncoder()), ("model", DummyRegressor())]
    return Pipeline(steps).fit(rows, np.arange(len(rows), dtype=float))


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "small": rng.normal(0, 1, N),
            "large": rng.normal(0, 1000, N),
            "lang": rng.choice(["py", "go"], N),
        }
    )


def test_the_row_itself_comes_first_and_the_scale_of_a_column_does_not_matter(
    rows: pd.DataFrame,
) -> None:
    asked = rows.iloc[17].to_dict()
    first, second, *_ = find_nearest(fit(rows), rows, asked, 5)
    assert (first.place, first.distance) == (17, 0.0)
    scaled = rows.assign(large=rows["large"] / 1e6)
    again = find_nearest(fit(scaled), scaled, scaled.iloc[17].to_dict(), 5)
    assert again[1].place == second.place
    assert again[1].distance == pytest.approx(second.distance)  # sums in another order


def test_pieces_do_not_change_what_is_found(
    rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, asked = fit(rows), {"small": 0.1, "large": -50.0, "lang": "go"}
    encoded = np.asarray(pipeline[:1].transform(rows), dtype=float)
    point = np.asarray(pipeline[:1].transform(pd.DataFrame([asked])), dtype=float)
    spread = np.where(encoded.std(axis=0) > 0, encoded.std(axis=0), 1.0)
    distances = np.sqrt((((encoded - point) / spread) ** 2).mean(axis=1))
    expected = np.argsort(distances)[:5].tolist()
    assert [near.place for near in find_nearest(pipeline, rows, asked, 5)] == expected
    spread_out = nearest._spread_out(N)
    monkeypatch.setattr(nearest, "_spread_out", lambda n: spread_out)
    monkeypatch.setattr(nearest, "_PIECE", 7)
    assert [near.place for near in find_nearest(pipeline, rows, asked, 5)] == expected


def test_a_row_without_some_of_the_columns_has_neighbours_too(rows: pd.DataFrame) -> None:
    assert len(find_nearest(fit(rows), rows, {"small": 0.0}, 5)) == 5


def test_a_recipe_without_an_encoder_is_refused(rows: pd.DataFrame) -> None:
    with pytest.raises(Refused, match="no encoder"):
        find_nearest(DummyRegressor(), rows, {"small": 0.0}, 5)


def test_a_request_like_a_training_row_finds_that_row(
    db: Database,
    registry: FakeTracking,
    train: Callable[..., Version],
    home: Path,
    now: Callable[[], datetime],
) -> None:
    samples = make_samples(120)
    fill(db, samples, now)
    version = train()
    asked = make_prediction("a", version=version.number, features=samples[40].features)
    with db.write() as conn:
        predictions.append_predictions(conn, [asked])
    found = load_nearest(db, registry, home / "snapshots", "a")
    assert (found.version, found.snapshot_id, found.n_rows) == (
        version.number,
        version.snapshot_id,
        120,
    )
    first = found.rows[0]
    assert (first.distance, first.target, first.at) == (0.0, samples[40].target, samples[40].at)
    assert [row.distance for row in found.rows] == sorted(row.distance for row in found.rows)
    with pytest.raises(NotFound):
        load_nearest(db, registry, home / "snapshots", "b")
