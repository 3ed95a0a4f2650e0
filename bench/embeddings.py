"""What each embedder adds to the skill on real code, and its time a text.

The texts are functions of the packages that are installed here; the targets are counted from their
syntax trees: cyclomatic complexity (McCabe 1976: one and a branch each) and the share of comment
and docstring lines. Whole packages are held out, so that nothing is learned by heart. The features
without text are what a caller would send: lines, characters, arguments. What an embedder adds to
their skill on the same rows comes with a 95 % interval over packages drawn again, since functions
of one are alike.

The transformer is the small model of the tests unless a folder is named; it reads the first 256
tokens of a text, as it does when it serves.

    python -m bench.embeddings [--texts 750] [--model FOLDER]"""

import argparse
import ast
import importlib.metadata
import statistics
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from core.domain.dataset import TEXT
from core.features.embeddings import HASHED, TextEmbedding
from core.features.encoder import RowEncoder
from core.features.transformer import open_transformer
from tests.text_model import find_text_model

PACKAGES = (
    "pandas", "scikit-learn", "scipy", "numpy", "sqlalchemy", "streamlit", "mlflow", "fastapi",
    "starlette", "uvicorn", "httpx", "pydantic", "hypothesis", "pytest", "plotly", "xgboost",
    "optuna", "alembic", "jinja2", "click", "requests", "rich", "skops", "shap", "apscheduler",
)  # fmt: skip
BRANCHES = (
    ast.If, ast.For, ast.While, ast.ExceptHandler, ast.IfExp, ast.BoolOp, ast.comprehension,
    ast.Assert, ast.With,
)  # fmt: skip
N_FOLDS, N_TIMED = 5, 50
FILES = 40  # of a package: parsing all of them would take longer than embedding


@dataclass(frozen=True)
class Function:
    """One function of a package."""

    package: str
    text: str
    n_arguments: int
    complexity: float
    comments: float


def main() -> None:
    """Print a table for each target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=750)
    parser.add_argument("--model")
    options = parser.parse_args()
    if options.model is None:
        packages, model = find_text_model()
        sys.path.append(str(packages))
        options.model = str(model)
    functions = pick(options.texts)
    frame = pd.DataFrame(
        {
            "lines": [float(f.text.count("\n") + 1) for f in functions],
            "characters": [float(len(f.text)) for f in functions],
            "arguments": [float(f.n_arguments) for f in functions],
            TEXT: [f.text for f in functions],
        }
    )
    packages = np.array([f.package for f in functions])
    models = {HASHED: HASHED, "transformer": options.model}
    print(f"{len(functions):,} functions, {N_FOLDS} folds of {len(set(packages))} whole packages")
    print(f"skill = 1 - MAE / MAE of the median; time: the median of {N_TIMED} texts, one by one")
    for target in ("complexity", "comments"):
        y = np.array([getattr(f, target) for f in functions])
        plain, naive = measure_errors(frame, y, packages, None)
        skill = 1 - plain.mean() / naive.mean()
        print(f"{target:12}{'no text':14}skill {skill:6.3f}")
        for name, model in models.items():
            errors, _ = measure_errors(frame, y, packages, model)
            low, high = bound_gain(plain - errors, naive, packages)
            with_text = 1 - errors.mean() / naive.mean()
            gain = f"{with_text - skill:+.3f} ({low:+.3f} to {high:+.3f})"
            print(f"{target:12}{name:14}skill {with_text:6.3f}  {gain}", flush=True)
    for name, model in models.items():
        print(f"{'time':12}{name:14}{time_one(frame, model):9.2f} ms")


def measure_errors(
    frame: pd.DataFrame, y: np.ndarray, packages: np.ndarray, model: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """The absolute error of each row when its package was held out, and that of the median."""
    names = np.array(sorted(set(packages)))
    part = np.random.default_rng(0).permutation(len(names)) % N_FOLDS
    fold = part[np.searchsorted(names, packages)]
    errors, naive = np.empty(len(y)), np.empty(len(y))
    for i in range(N_FOLDS):
        fit, judge = fold != i, fold == i
        pipeline = build(model).fit(frame[fit], y[fit])
        errors[judge] = np.abs(y[judge] - pipeline.predict(frame[judge]))
        naive[judge] = np.abs(y[judge] - np.median(y[fit]))
    return errors, naive


def bound_gain(gains: np.ndarray, naive: np.ndarray, packages: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the gain in skill over packages drawn with replacement."""
    _, place = np.unique(packages, return_inverse=True)
    gain, error = np.bincount(place, gains), np.bincount(place, naive)
    drawn = np.random.default_rng(0).integers(0, len(gain), (2_000, len(gain)))
    low, high = np.quantile(gain[drawn].sum(axis=1) / error[drawn].sum(axis=1), (0.025, 0.975))
    return float(low), float(high)


def build(model: str | None) -> Pipeline:
    """The enhanced recipe's kind of line, with or without a text step."""
    text = [] if model is None else [("text", TextEmbedding(model=model, n_columns=48))]
    rest = [("encode", RowEncoder()), ("scale", StandardScaler()), ("model", Ridge(10.0))]
    return Pipeline([*text, *rest])


def time_one(frame: pd.DataFrame, model: str) -> float:
    """Milliseconds for one text on the prediction path, the median of `N_TIMED`."""
    open_transformer.cache_clear()  # by now it knows every text
    add = (
        TextEmbedding(model=model, n_columns=48)
        .fit(frame.iloc[N_TIMED : 2 * N_TIMED])
        .compile_row()
    )
    spent = []
    for row in frame.iloc[:N_TIMED].to_dict("records"):
        started = time.perf_counter()
        add(row)
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def pick(n: int) -> list[Function]:
    """About as many functions of each package, of 5 to 120 lines."""
    rng = np.random.default_rng(0)
    found = []
    for package in PACKAGES:
        own = list(read_package(package))
        chosen = rng.permutation(len(own))[: n // len(PACKAGES)]
        found += [own[i] for i in sorted(chosen)]
    return found


def read_package(package: str) -> Iterator[Function]:
    """The functions of an installed package; none where it is not installed."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return
    sources = [file for file in files if file.suffix == ".py" and "test" not in str(file)]
    for n in np.random.default_rng(0).permutation(len(sources))[:FILES]:
        file = sources[n]
        path = Path(str(file.locate()))
        try:
            source = path.read_text(encoding="utf-8")
            lines, tree = source.splitlines(), ast.parse(source)
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                text = textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
                if 5 <= text.count("\n") + 1 <= 120:
                    yield describe(package, node, text)


def describe(package: str, node: ast.FunctionDef, text: str) -> Function:
    """A function with its targets."""
    lines = text.splitlines()
    n_comments = sum(line.lstrip().startswith("#") for line in lines)
    n_docstring = len((ast.get_docstring(node, clean=False) or "").splitlines())
    return Function(
        package,
        text,
        len(node.args.args) + len(node.args.kwonlyargs),
        1.0 + sum(isinstance(inner, BRANCHES) for inner in ast.walk(node)),
        100.0 * (n_comments + n_docstring) / len(lines),
    )


if __name__ == "__main__":
    main()
