"""The callers' client, which answers even if the prediction API does not.

It uses nothing else of Plumbline: copy this folder into another project, with httpx and stamina."""

from .calls import WEIGHTS, Answer, FeedbackReceipt, Judgement, Ranking, weigh_metrics
from .clients import AsyncPlumblineClient, PlumblineClient

__all__ = [
    "WEIGHTS",
    "Answer",
    "AsyncPlumblineClient",
    "FeedbackReceipt",
    "Judgement",
    "PlumblineClient",
    "Ranking",
    "weigh_metrics",
]
