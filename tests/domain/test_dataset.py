"""A snapshot: the columns that are not features cannot be taken for one."""

from core.domain.dataset import RESERVED


def test_reserved_names_are_all_different_and_unlike_a_feature() -> None:
    assert len(set(RESERVED)) == len(RESERVED)
    assert all(name.startswith("__") and name.endswith("__") for name in RESERVED)
