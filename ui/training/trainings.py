"""The form that starts a training, and the retraining decisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from core import text
from core.bootstrap import App
from core.data.quality.overview import DataSummary
from core.domain.actor import Act
from core.domain.dataset import SUSPECT_CODES
from core.domain.deployment import RetrainingDecision
from core.domain.job import Job
from core.system import request_job
from core.training.data.training_window import DAYS, HALF_LIVES
from core.training.models.objective import OBJECTIVES
from core.training.models.recipe import Recipe
from core.training.plan import METHODS, PURPOSES
from core.watching import PREVIEW
from ui import st
from ui.common import actions, context, jobs
from ui.data import issues
from ui.markup import Markdown

_PURPOSE = "purpose"
_RECIPE, _SEED, _REASON, _OVERRIDE = "recipe", "seed", "train_reason", "train_override"
_LEAVE_OUT, _OBJECTIVE, _WINDOW, _SEARCH = "leave_out", "objective", "window", "search"
_PROPOSED = "advanced"
_PREVIEW_ICONS = {
    "helps": Markdown(":material/trending_down:"),
    "hurts": Markdown(":material/trending_up:"),
    "same": Markdown(":material/trending_flat:"),
    "not_yet": Markdown(":material/hourglass_empty:"),
}
_WINDOWS = {
    "auto": "Chosen by validation",
    "all": "All history",
    **{f"{days}": f"The last {days} days" for days in DAYS},
    **{f"half-life:{days}": f"Weights halved every {days} days" for days in HALF_LIVES},
}


def offer(app: App, recipes: Mapping[str, Recipe], data: DataSummary) -> None:
    """Offer a training, by default without the columns that give the target away or may do so;
    blocking issues need an override with a reason, and so do such columns where they are used."""
    blocking = issues.blocking(data.issues)
    suspects = _leaks(data)
    if blocking:
        st.markdown(Markdown("**The data has issues that stop a training:**"))
        issues.show(blocking)
    with st.form("train", border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                "Recipe",
                list(recipes),
                index=list(recipes).index(_PROPOSED),
                format_func=lambda name: f"{name}: {recipes[name].description}",
                key=_RECIPE,
                width=480,
            )
            st.number_input(
                "Seed",
                min_value=0,
                value=0,
                key=_SEED,
                help="The seed of every random choice.",
                width=130,
            )
            st.text_input(
                "Why",
                key=_REASON,
                placeholder="Needed for an override"
                if blocking or suspects
                else "Optional; logged with the job",
                width=280,
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                "Purpose",
                list(PURPOSES),
                format_func=lambda name: f"{PURPOSES[name][0].upper()}{PURPOSES[name][1:]}",
                key=_PURPOSE,
                help="Search, gate and verdict follow it. Picking needs rows with a group: the "
                "request that the candidates were made for.",
                width=280,
            )
            st.selectbox(
                "Aim at",
                list(OBJECTIVES),
                format_func=lambda name: f"{OBJECTIVES[name][0].upper()}{OBJECTIVES[name][1:]}",
                key=_OBJECTIVE,
                help="Choose the tolerance if accuracy matters most: the model then aims where "
                "most targets are close together.",
                width=380,
            )
            st.selectbox(
                "Learn from",
                list(_WINDOWS),
                format_func=_WINDOWS.__getitem__,
                key=_WINDOW,
                help="If the work changes with time, older rows mislead; validation on the "
                "training rows makes the choice.",
                width=260,
            )
            st.selectbox(
                "Search",
                list(METHODS),
                format_func=lambda name: f"{name.capitalize()}: {METHODS[name]}",
                key=_SEARCH,
                width=380,
            )
        st.multiselect(
            "Columns to leave out",
            _columns(data),
            default=suspects,
            key=_LEAVE_OUT,
            placeholder="None: learn from every column",
            help="Columns that give the target away, or look like other ratings of the same work, "
            "are preselected; the gate refuses a version that uses one without an override.",
        )
        if blocking or suspects:
            st.checkbox(
                "Train with these issues, for the reason above"
                if blocking
                else "Override for the columns that I keep, for the reason above",
                key=_OVERRIDE,
            )
        actions.submit(
            "Train",
            lambda: _request(app, bool(blocking)),
            key="train_now",
            act=Act.TRAIN,
            icon=":material/model_training:",
        )


def show_due(decision: RetrainingDecision) -> None:
    """Show whether retraining is due, with the reasons."""
    reasons = " ".join(decision.reasons)
    if decision.retrain:
        st.info(f"Retraining is due. {reasons}", icon=":material/event_repeat:")
    else:
        st.caption(Markdown(":material/event_available: Retraining is not due. {}").format(reasons))


def show_preview(app: App, previewed: Job | None, waiting: Job | None) -> None:
    """Show the last preview of a retraining, and a button for a new one."""
    found = {} if previewed is None else dict(previewed.result or {})
    if previewed is None or previewed.finished_at is None:
        st.caption(
            Markdown(
                ":material/help: No retraining was tried yet: a few fits of the serving recipe "
                "estimate its effect, and register nothing."
            )
        )
    else:
        ago = text.moment_ago(previewed.finished_at, app.now())
        icon = _PREVIEW_ICONS[str(found["verdict"])]
        st.caption(Markdown("{} {} (Estimated {}.)").format(icon, found["summary"], ago))
    if waiting is not None:
        jobs.show_job(app, waiting.id)
    else:
        actions.button(
            "Would it help?",
            lambda: _preview(app),
            key="preview_now",
            act=Act.TRAIN,
            icon=":material/troubleshoot:",
        )


def show_decisions(decisions: Sequence[RetrainingDecision], next_at: datetime | None) -> None:
    """Show the last decisions with their reasons, and the time of the next one."""
    if not decisions:
        return
    check = (
        "no check is scheduled" if next_at is None else f"next check {next_at:%Y-%m-%d %H:%M} UTC"
    )
    with st.expander(f"Retraining decisions ({len(decisions)} newest; {check})"):
        for decision in decisions:
            due = "Due" if decision.retrain else "Not due"
            job = "" if decision.job_id is None else f", job {decision.job_id}"
            st.caption(
                f"{decision.at:%Y-%m-%d %H:%M} UTC, {decision.by}{job}. {due}: "
                f"{' '.join(decision.reasons)}"
            )


def _preview(app: App) -> str:
    asked = request_job(app, PREVIEW, {}, by=context.get_actor(), reason="preview of a retraining")
    return f"{jobs.describe(asked)} was requested."


def _request(app: App, blocked: bool) -> str:
    reason = str(st.session_state[_REASON]).strip()
    overrides = None
    if blocked or st.session_state.get(_OVERRIDE):
        if not st.session_state[_OVERRIDE] or not reason:
            raise actions.NotDone("tick the box and give a reason to train with these issues.")
        overrides = [reason]
    args: dict[str, object] = {
        "recipe": st.session_state[_RECIPE],
        "seed": int(st.session_state[_SEED]),
        "overrides": overrides,
        "leave_out": list(st.session_state[_LEAVE_OUT]),
        "objective": st.session_state[_OBJECTIVE],
        "window": st.session_state[_WINDOW],
        "search": st.session_state[_SEARCH],
        "purpose": st.session_state[_PURPOSE],
    }
    job = request_job(
        app,
        "train",
        args,
        by=context.get_actor(),
        reason=reason or f"train {st.session_state[_RECIPE]}",
    )
    return f"{jobs.describe(job)} was requested; its progress is below and survives a reload."


def _columns(data: DataSummary) -> list[str]:
    """Return the features of the newest checks."""
    seen = () if data.quality is None else data.quality.columns
    return [column.name for column in seen if column.name not in ("target", "timestamp")]


def _leaks(data: DataSummary) -> list[str]:
    named = {issue.column for issue in data.issues if issue.code in SUSPECT_CODES}
    return [name for name in _columns(data) if name in named]
