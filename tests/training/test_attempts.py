"""What a search tried is placed on axes, whatever kind the parameters are."""

from core.domain.training_report import SearchAttempt
from core.training.attempts import build_axes, find_best


def test_a_parameter_that_never_varied_has_no_axis() -> None:
    axes = build_axes([SearchAttempt({"a": 1, "b": n}, float(n), 5) for n in (1, 2)])
    assert [axis.name for axis in axes] == ["b", "loss"]


def test_words_stand_in_their_order_and_a_parameter_that_is_missing_leaves_a_gap() -> None:
    axes = build_axes(
        [
            SearchAttempt({"model": "line", "alpha": 10.0}, 4.0, 5),
            SearchAttempt({"model": "trees"}, 3.0, 5),
        ]
    )
    by_name = {axis.name: axis for axis in axes}
    assert by_name["model"].ticks == ((0.0, "line"), (1.0, "trees"))
    assert by_name["alpha"].positions == (0.0, None)
    assert by_name["loss"].positions == (1.0, 0.0)


def test_many_numbers_stand_by_their_size() -> None:
    axis = build_axes(
        [SearchAttempt({"rate": n / 10}, 1.0 + n, 5) for n in (0, 1, 2, 3, 4, 5, 10)]
    )[0]
    assert axis.ticks == ((0.0, "0"), (1.0, "1"))
    assert axis.positions[1] == 0.1


def test_the_best_is_sought_among_those_that_all_folds_have_judged() -> None:
    tried = [SearchAttempt({"a": n}, loss, folds) for n, loss, folds in ((1, 1.0, 1), (2, 3.0, 5))]
    assert find_best(tried) == 1
    assert [axis.name for axis in build_axes(tried)] == ["a", "folds", "loss"]


def test_attempts_that_all_err_alike_do_not_divide_by_nothing() -> None:
    axes = build_axes([SearchAttempt({"a": n}, 2.0, 5) for n in (1, 2)])
    assert axes[-1].positions == (0.0, 0.0)
