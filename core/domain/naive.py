"""The best constant guesses: what a version has to beat on the labels that came in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Naive:
    """How well one number for every row would have done on the same labels, found in hindsight, so
    that it is at least as hard to beat as any number that was known before. Each figure is that of
    the number that is best for it: near the median for the MAE, the mean for the RMSE, the middle
    of where labels are densest for the accuracy."""

    guess: float  # the one with the smallest MAE
    mae: float
    rmse: float
    accuracy: float
