"""What the program says is what was agreed: each sentence that changes is seen in a diff."""

import json

import pytest

from tests.golden.messages import FILE, render


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUMBLINE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("PLUMBLINE_USER", "ada")
        return render()


@pytest.mark.parametrize("kind", ["health", "gate", "refusals"])
def test_messages_are_those_that_were_agreed(
    kind: str, rendered: dict[str, dict[str, list[str]]]
) -> None:
    agreed = json.loads(FILE.read_text("utf-8"))[kind]
    assert rendered[kind] == agreed, "if the new wording is meant, run `make messages`"


def test_no_message_shows_a_path_of_this_machine(
    rendered: dict[str, dict[str, list[str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert str(tmp_path_factory.getbasetemp()) not in json.dumps(rendered)
