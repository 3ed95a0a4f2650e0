"""The registry: artifacts and their MLflow runs."""

from core.registry.registry import Registry
from core.registry.runs import RUN_SORTS, RunPage, RunSummary

__all__ = ["RUN_SORTS", "Registry", "RunPage", "RunSummary"]
