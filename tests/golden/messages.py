"""The main messages of the program, rendered from fixed values: what `messages.json` keeps.

Tests of logic assert codes; the wording stands in one file. To improve it, change the sentence and
run `make messages`: the diff of `messages.json` is what a reader of the commit sees."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from typer.testing import CliRunner

from core.cli.main import cli
from core.domain.training_report import Estimate
from core.errors import OpsError
from core.monitoring.health.expected_traffic import Spread
from core.monitoring.health.inputs import HealthInputs, Worker
from core.training.evaluate.gate import Comparison, Doubts, Evidence, decide_gate
from tests.monitoring.health import test_health as health
from tests.streams import NOON
from tests.training.evaluate import test_gate as gate

FILE = Path(__file__).parent / "messages.json"

LONG_AGO = NOON - timedelta(hours=9)
HEALTH: dict[str, HealthInputs] = {
    "all is well": health.GOOD,
    "nothing is deployed": replace(health.GOOD, champion=None),
    "nothing was asked": replace(health.GOOD, last_prediction_at=None, recent=None, labelled=None),
    "stale": replace(
        health.GOOD,
        last_prediction_at=NOON - timedelta(minutes=61),
        recent=health.requests(n_failed=400, n_model=0),
        expected_requests=42.0,
    ),
    "a usual pause": replace(health.GOOD, last_prediction_at=LONG_AGO, expected_requests=9.9),
    "accuracy warns": replace(health.GOOD, labelled=health.labels(232, 300)),
    "accuracy is critical": replace(health.GOOD, labelled=health.labels(200, 300)),
    "too few labels": replace(health.GOOD, labelled=health.labels(10, 29)),
    "too few requests": replace(health.GOOD, recent=health.requests(0, 0, 19)),
    "requests are slow": replace(health.GOOD, recent=health.requests(ms=900.0)),
    "requests fail": replace(health.GOOD, recent=health.requests(380, 0, 20)),
    "the fallback answers": replace(health.GOOD, recent=health.requests(40, 60)),
    "scores collapsed": replace(health.GOOD, spread=Spread(50, 0.95, 61.0)),
    "no skill": replace(health.GOOD, labelled=health.labels(290, 300, skill=-0.3)),
    "the worker stopped": replace(
        health.GOOD, worker=Worker(False, NOON - timedelta(hours=2), 12, NOON)
    ),
    "as bad as at its release": replace(
        health.GOOD, labelled=health.labels(90, 300), delivered=health.delivered(0.31)
    ),
    "an error that grew": replace(health.GOOD, delivered=health.delivered(0.9, ratio=1.6)),
    "hardly better than before": replace(
        health.GOOD, recent=health.requests(ms=97.0), bad_before=frozenset({"latency"})
    ),
    "measuring lags": replace(
        health.GOOD, worker=Worker(True, NOON, 10_000, NOON, NOON - timedelta(minutes=3))
    ),
}

WORSE = replace(gate.BETTER, improvement=Estimate(-2.0, -3.0, -1.0), lowest=-3.5)
GATE: dict[str, Evidence] = {
    "better than a guess": gate.GOOD,
    "no skill": gate.NO_SKILL,
    "no column says anything": replace(gate.NO_SKILL, related=()),
    "few rows": replace(gate.GOOD, n_holdout=29),
    "scores that are no numbers": replace(gate.GOOD, n_not_finite=2),
    "one score for all": replace(gate.GOOD, spread=0.0),
    "generated rows": replace(gate.GOOD, n_synthetic=5),
    "demo data": replace(gate.GOOD, synthetic=True, n_synthetic=200),
    "a leak": replace(gate.GOOD, doubts=Doubts(("'grade' gives the target away.",))),
    "another rating": replace(
        gate.GOOD, doubts=Doubts(suspects=("'stars' looks like another rating.",))
    ),
    "a champion is beaten": replace(gate.GOOD, comparison=gate.BETTER),
    "a champion is better": replace(gate.GOOD, comparison=WORSE),
    "a guess that makes no error": gate.NO_ERROR,
    "a constant is better": gate.WORSE_THAN_CONSTANT,
    "a leak is overridden": gate.OVERRIDDEN,
    "a champion is out of date": replace(gate.GOOD, comparison=gate.STALE),
    "a champion is not met": replace(gate.GOOD, comparison=replace(gate.STALE, lowest=-0.4)),
    "a champion is equal": replace(gate.GOOD, comparison=gate.EQUAL),
    "a segment is worse": gate.WORSE_SEGMENT,
    "no segment is worse": replace(gate.GOOD, comparison=replace(gate.BETTER, n_segments=3)),
    "rows the champion has seen": gate.PARTLY_NEW,
    "a champion is lost": replace(
        gate.GOOD, comparison=Comparison(3, problem="it cannot be scored (the artifact is gone.)")
    ),
}

REFUSALS = (
    "collect file nowhere.csv",
    "train nonsense",
    "deploy v9",
    "deploy v9 --reason better",
    "deploy v9 --reason better --traffic 10",
    "rollback --reason worse",
    "replay v9",
    "incidents ack 9 --reason seen",
    "jobs cancel 9",
)


def render() -> dict[str, dict[str, list[str]]]:
    """Return the messages by kind and case; `PLUMBLINE_HOME` names an empty folder."""
    return {
        "health": _leave_out_the_first({case: _judge(facts) for case, facts in HEALTH.items()}),
        "gate": _leave_out_the_first(
            {case: list(decide_gate(evidence).reasons) for case, evidence in GATE.items()}
        ),
        "refusals": {words: [_refuse(words)] for words in REFUSALS},
    }


def _leave_out_the_first(messages: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return of all cases but the first only what the first does not say."""
    first, *others = messages.items()
    new = {case: [text for text in told if text not in first[1]] for case, told in others}
    return dict([first]) | new


def _judge(facts: HealthInputs) -> list[str]:
    return [
        f"{reason.code}, {reason.health}: {reason.message} {reason.next_step}".strip()
        for reason in health.judge(facts).reasons
    ]


def _refuse(words: str) -> str:
    error = CliRunner().invoke(cli, words.split()).exception
    assert isinstance(error, OpsError), f"`{words}` is not refused: {error!r}"
    return str(error)


def main() -> None:
    """Write `messages.json` anew."""
    with TemporaryDirectory() as home:
        os.environ |= {"PLUMBLINE_HOME": home, "PLUMBLINE_USER": "ada"}
        FILE.write_text(json.dumps(render(), indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
