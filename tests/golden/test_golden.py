"""Artifacts that an earlier version of the program saved still load and score the same.

They lie in `tests/golden/artifacts/`, one folder each, named by its hash, with the scores of
`ROWS` in `scores.json`. One that fails tells that a class was moved or renamed, or that a library
reads its files differently: the artifacts in people's homes would fail as well. Keep the class, or
leave a module at the old place that imports it from the new one; do not regenerate to make a
failure go away.

To add artifacts of the present program beside the old ones:

    PYTHONPATH=. .venv/bin/python tests/golden/test_golden.py
"""

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from core.artifacts.artifact import Artifact
from core.artifacts.folder import SIGNATURE_FILE
from core.artifacts.renames import RENAMES
from core.domain.model_card import Card, GoldenRow
from core.registry import Registry

FOLDER = Path(__file__).parent
SCORES = FOLDER / "scores.json"
KEY = "the key that these artifacts are signed with"
ROWS: list[dict[str, Any]] = [
    {"size": 12.5, "lang": "py", "tests": 3},
    {"size": None, "lang": "go", "tests": 0},
    {"size": "40", "lang": "cobol", "tests": True},
    {"size": -1e9, "lang": None},
    {},
]


def registry() -> Registry:
    return Registry(FOLDER / "artifacts", "", signing_key=KEY)


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCORES.read_text()) if SCORES.exists() else {}
    return found


@pytest.mark.parametrize("artifact_hash", kept())
def test_an_artifact_of_an_earlier_program_scores_the_same(artifact_hash: str) -> None:
    artifact = registry().load_artifact(artifact_hash)
    artifact.verify_golden()
    expected = kept()[artifact_hash]
    assert artifact.card.recipe == expected["recipe"]
    assert artifact.score(ROWS) == pytest.approx(expected["scores"], abs=1e-6)


@pytest.mark.parametrize("artifact_hash", kept())
def test_an_artifact_that_is_older_than_signatures_is_signed_at_an_upgrade(
    artifact_hash: str, home: Path
) -> None:
    shutil.copytree(FOLDER / "artifacts" / artifact_hash, home / "artifacts" / artifact_hash)
    (home / "artifacts" / artifact_hash / SIGNATURE_FILE).unlink()
    upgraded = Registry(home / "artifacts", "")
    assert upgraded.adopt_artifacts([artifact_hash]) == [artifact_hash]
    upgraded.load_artifact(artifact_hash).verify_golden()


def test_there_is_one_of_each_recipe_and_of_a_forest() -> None:
    wanted = {"baseline", "advanced", "enhanced", "ensemble", "online", "forest"}
    assert {item["recipe"] for item in kept().values()} >= wanted


@pytest.mark.parametrize("former", RENAMES)
def test_an_artifact_was_saved_under_each_former_name(former: str) -> None:
    """So that no entry of the table is there for nothing, and none is untried."""
    module, _, name = former.rpartition(".")
    plans = [ZipFile(path).read("schema.json") for path in FOLDER.rglob("pipeline.skops")]
    assert any(
        f'"__module__": "{module}"'.encode() in plan and f'"__class__": "{name}"'.encode() in plan
        for plan in plans
    )


def save_golden() -> None:
    """Add an artifact of each recipe, and of a forest of scikit-learn's, which is saved in other
    types than they are."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import Pipeline

    from core.features.encoder import RowEncoder
    from core.training.recipe_registry import RECIPES

    rng = np.random.default_rng(1)
    rows = [
        {
            "size": None if i % 10 == 0 else float(rng.uniform(0, 50)),
            "lang": ["py", "go", "js"][i % 3],
            "tests": float(rng.integers(0, 9)),
        }
        for i in range(120)
    ]
    target = np.array([30 + (row["size"] or 20) + 2 * row["tests"] for row in rows])  # type: ignore[operator]
    pipelines = {
        "baseline": RECIPES["baseline"].build(1, {}),
        "advanced": RECIPES["advanced"].build(1, {"n_trees": 20}),
        "advanced from a line": RECIPES["advanced"].build(1, {"n_trees": 20, "start": "line"}),
        "enhanced": RECIPES["enhanced"].build(1, {}),
        "ensemble": RECIPES["ensemble"].build(1, {"trees__n_trees": 20}),
        "online": RECIPES["online"].build(1, {}),
        "forest": Pipeline(
            [("encode", RowEncoder()), ("model", RandomForestRegressor(3, random_state=1))]
        ),
    }
    scores = kept()
    for name, pipeline in pipelines.items():
        pipeline.fit(rows, target)
        card = Card(name, ("lang", "size", "tests"), 0.0, 100.0, 5.0, 4.0, (), False)
        golden = tuple(
            GoldenRow(row, None, float(score))
            for row, score in zip(rows[:5], Artifact(pipeline, card).score(rows[:5]), strict=True)
        )
        card = Card(name, card.features, 0.0, 100.0, 5.0, 4.0, golden, False)
        artifact_hash = registry().save_artifact(pipeline, card)
        found = registry().load_artifact(artifact_hash).score(ROWS)
        scores[artifact_hash] = {"recipe": name, "scores": found.tolist()}
    SCORES.write_text(json.dumps(scores, indent=1) + "\n")


if __name__ == "__main__":
    save_golden()
