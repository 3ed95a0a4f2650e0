"""Starting a training by clicking, with what the data checks say of the rows it will learn from."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.bootstrap import App
from core.domain.issue import Issue
from core.domain.retraining import RetrainingDecision
from core.system import request_job
from core.training.recipe import Recipe
from ui import actions, context, issues, jobs

_RECIPE, _SEED, _REASON, _OVERRIDE = "recipe", "seed", "train_reason", "train_override"


def offer(app: App, recipes: Mapping[str, Recipe], found: Sequence[Issue]) -> None:
    """Choose a recipe and train; blocking issues have to be overridden with a reason."""
    blocking = issues.blocking(found)
    if blocking:
        st.markdown("**The data has issues that stop a training:**")
        issues.show(blocking)
    with st.form("train", border=True):
        recipe, seed, why = st.columns([3, 1, 4], vertical_alignment="bottom")
        recipe.selectbox(
            "Recipe",
            list(recipes),
            index=len(recipes) - 1,
            format_func=lambda name: f"{name}: {recipes[name].description}",
            key=_RECIPE,
        )
        seed.number_input(
            "Seed", min_value=0, value=0, key=_SEED, help="Every random choice follows from it."
        )
        why.text_input(
            "Why",
            key=_REASON,
            placeholder="Needed to override" if blocking else "Kept with the job; may stay empty",
        )
        if blocking:
            st.checkbox("Train all the same, for the reason above", key=_OVERRIDE)
        st.form_submit_button(
            "Train",
            key="train_now",
            type="primary",
            icon=":material/model_training:",
            on_click=actions.run,
            args=(lambda: _request(app, bool(blocking)),),
        )


def show_due(decision: RetrainingDecision) -> None:
    """Whether training again is due, and why or why not."""
    reasons = " ".join(decision.reasons)
    if decision.retrain:
        st.info(f"Training again is due. {reasons}", icon=":material/event_repeat:")
    else:
        st.caption(f":material/event_available: Training again is not due. {reasons}")


def _request(app: App, blocked: bool) -> str:
    reason = str(st.session_state[_REASON]).strip()
    overrides = None
    if blocked:
        if not st.session_state[_OVERRIDE] or not reason:
            raise actions.NotDone("tick the box and say why to train on data with these issues.")
        overrides = [reason]
    args: dict[str, object] = {
        "recipe": st.session_state[_RECIPE],
        "seed": int(st.session_state[_SEED]),
        "overrides": overrides,
    }
    job = request_job(
        app,
        "train",
        args,
        by=context.get_user(),
        reason=reason or f"train {st.session_state[_RECIPE]}",
    )
    return f"{jobs.describe(job)} was requested; its progress is below and survives a reload."
