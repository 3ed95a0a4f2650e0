"""What schemathesis checks of every answer beside its own: nothing breaks, and whoever is refused
is told why. Loaded by SCHEMATHESIS_HOOKS."""

from typing import Any

import schemathesis

from tests.api_in_process import Reply


@schemathesis.check
def nothing_breaks_and_refusals_explain_themselves(ctx: Any, response: Any, case: Any) -> None:
    """No 500; each 4xx and 503 says what is wrong in a sentence."""
    status = response.status_code
    assert status not in (500, 502), response.text
    if status >= 400:
        assert Reply(status, response.content, {}).explains_itself(), response.text
