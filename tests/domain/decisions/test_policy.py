"""A policy says what it means: each rule that cannot be meant is refused with a sentence."""

from dataclasses import replace

import pytest

from core.domain.decisions.policy import (
    PolicyKind,
    PolicyTerms,
    RedoCosts,
    check_terms,
    parse_policy,
)
from core.errors import InvalidInput

PICK = PolicyTerms(PolicyKind.PICK)
REDO = PolicyTerms(PolicyKind.REDO, bar=60.0, costs=RedoCosts(1.0, 10.0))


@pytest.mark.parametrize(
    "terms",
    [
        PICK,
        replace(PICK, exploration=0.0),
        REDO,
        replace(REDO, bar=100.0, threshold=0.0),
        replace(REDO, promise=0.02, max_attempts=20),
        replace(REDO, costs=RedoCosts(0.0, 0.5, 1.0)),
    ],
)
def test_a_rule_that_can_be_meant_is_taken(terms: PolicyTerms) -> None:
    check_terms(terms, 0.0, 100.0)


NAN = float("nan")


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (replace(REDO, costs=None), "needs its costs"),
        (replace(REDO, bar=None), "needs a bar"),
        (replace(REDO, bar=101.0), "bar 101 is not on the scale"),
        (replace(REDO, bar=0.0), "bar 0 is not on the scale"),
        (replace(REDO, bar=NAN), "bar nan is not on the scale"),
        (replace(REDO, threshold=-1.0), "threshold -1 is not on the scale"),
        (replace(REDO, threshold=NAN), "threshold nan is not on the scale"),
        (replace(REDO, threshold=50.0, promise=0.02), "leave one of them out"),
        (replace(REDO, promise=0.0), "promise is 0"),
        (replace(REDO, promise=2.0), "promise is 2"),
        (replace(REDO, max_attempts=1), "maximum of attempts is 1"),
        (replace(REDO, exploration=1.0), "exploration share is 1"),
        (replace(REDO, exploration=-0.1), "exploration share is -0.1"),
        (replace(PICK, exploration=NAN), "exploration share is nan"),
        (replace(REDO, costs=RedoCosts(-1.0, 10.0)), "cost of a redo is -1"),
        (replace(REDO, costs=RedoCosts(1.0, float("inf"))), "cost of bad work is inf"),
        (replace(REDO, costs=RedoCosts(1.0, 0.0)), "costs nothing"),
        (replace(REDO, costs=RedoCosts(1.0, 1.0, 1.5)), "bad after a redo is 1.5"),
        (replace(PICK, threshold=50.0), "no use for a threshold"),
        (replace(PICK, costs=RedoCosts(1.0, 1.0)), "no use for costs"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_what_to_give(
    terms: PolicyTerms, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        check_terms(terms, 0.0, 100.0)


@pytest.mark.parametrize("name", ["", "p", "v3", "p-3", "p0", "p3.5", "p" + "9" * 40, "٣"])
def test_what_names_no_policy_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is no policy"):
        parse_policy(name)
