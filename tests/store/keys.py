"""The key of a row, for tests that look for it."""

from core.domain.sample import Sample
from core.store.data.sample_values import build_rows, find_key


def sample_key(sample: Sample) -> str:
    """The key that the store knows a row by."""
    return find_key(build_rows(0, [sample])[0][0])
