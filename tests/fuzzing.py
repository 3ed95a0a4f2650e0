"""The settings of the tests that send generated input: the same few examples at every run, or as
many new ones as the environment variable FUZZ_EXAMPLES says."""

import os

from hypothesis import HealthCheck, settings

FUZZ_EXAMPLES = "FUZZ_EXAMPLES"


def build_fuzz_settings(n_examples: int) -> settings:
    """Return the settings of a test that tries `n_examples` unless the environment says otherwise.

    >>> build_fuzz_settings(7).max_examples
    7
    """
    wanted = os.environ.get(FUZZ_EXAMPLES)
    return settings(
        max_examples=int(wanted or n_examples),
        derandomize=wanted is None,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
