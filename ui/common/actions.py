"""Actions on a click: the explanation, a reason, one core call and its result.

The call is made in the button's callback with the values that the person saw: if the page has
changed since, it is a conflict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.domain.actor import Act
from core.errors import OpsError
from ui import st
from ui.common import context

_OUTCOMES = "plumbline_outcomes"


class NotDone(OpsError):
    """Raised when the person has not yet given all that an action needs."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"Nothing was done: {missing}")


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """The result of an action, or the sentence that says why nothing was done."""

    text: str
    done: bool


def head(title: str, purpose: str) -> None:
    """Show a page's title and purpose, and the result of the last click."""
    st.title(title)
    st.caption(purpose)
    for outcome in st.session_state.pop(_OUTCOMES, []):
        if outcome.done:
            st.success(outcome.text, icon=":material/check_circle:")
        else:
            st.error(outcome.text, icon=":material/block:")


def run(work: Callable[[], str]) -> None:
    """Do the work in a button's callback, and keep its result for `head`."""
    attempt(work)


def attempt(work: Callable[[], str]) -> bool:
    """Do the work as `run` does; return whether it succeeded."""
    try:
        outcome = ActionOutcome(work(), done=True)
    except OpsError as error:
        outcome = ActionOutcome(str(error), done=False)
    st.session_state.setdefault(_OUTCOMES, []).append(outcome)
    return outcome.done


def button(
    label: str,
    work: Callable[[], str],
    *,
    key: str,
    act: Act | None,
    disabled: bool = False,
    help: str | None = None,
    **options: object,
) -> None:
    """Show a button for something harmless, done at once. `act` is what it asks for, or None if it
    changes nothing; a person whose role does not cover it cannot press it."""
    refusal = context.find_refusal(act)
    st.button(
        label,
        key=key,
        on_click=run,
        args=(work,),
        disabled=disabled or refusal is not None,
        help=refusal or help,
        **options,  # type: ignore[arg-type]
    )


def submit(
    label: str,
    work: Callable[[], str],
    *,
    key: str,
    act: Act,
    clears: Sequence[str] = (),
    icon: str | None = None,
    primary: bool = True,
) -> None:
    """Show the button of a form; `clears` are the texts of the form that are emptied once it is
    done."""
    refusal = context.find_refusal(act)
    st.form_submit_button(
        label,
        key=key,
        icon=icon,
        type="primary" if primary else "secondary",
        disabled=refusal is not None,
        help=refusal,
        on_click=_submit,
        args=(work, clears),
    )


def popover(label: str, *, act: Act, icon: str | None = None) -> st.DeltaGenerator:
    """Show a button that opens a form, unless the person's role does not cover it."""
    refusal = context.find_refusal(act)
    return st.popover(label, icon=icon, disabled=refusal is not None, help=refusal)


def ask_reason(
    label: str,
    explanation: str,
    work: Callable[[str], str],
    *,
    key: str,
    act: Act,
    confirm: str | None = None,
    icon: str | None = None,
    override: str | None = None,
    primary: bool = False,
    refusal: str | None = None,
) -> None:
    """Show a button that explains the action and asks for a reason, and a second one that does it.
    `override` is a sentence that has to be agreed to; a `refusal` says why it cannot be done."""
    opened = st.session_state.get(f"{key}_done", 0)
    refusal = context.find_refusal(act) or refusal
    with (
        st.popover(
            label,
            icon=icon,
            type="primary" if primary else "secondary",
            disabled=refusal is not None,
            help=refusal,
            key=f"{key}_popover_{opened}",
        ),
        st.form(f"{key}_form", border=False),
    ):
        st.markdown(explanation)
        st.text_input("Reason", key=f"{key}_reason", placeholder="Why (kept in the history)")
        if override is not None:
            st.checkbox(override, key=f"{key}_override")
        st.form_submit_button(
            confirm or label,
            key=f"{key}_confirm",
            type="primary",
            disabled=refusal is not None,
            on_click=_finish,
            args=(key, work, override is not None),
        )


def confirm(
    label: str,
    explanation: str,
    work: Callable[[], str],
    *,
    key: str,
    act: Act,
    confirm: str,
    icon: str | None = None,
) -> None:
    """Show a button that explains the action, and a second one that does it."""
    opened = st.session_state.get(f"{key}_done", 0)
    refusal = context.find_refusal(act)
    with st.popover(
        label,
        icon=icon,
        disabled=refusal is not None,
        help=refusal,
        key=f"{key}_popover_{opened}",
    ):
        st.markdown(explanation)
        st.button(
            confirm,
            key=f"{key}_confirm",
            type="primary",
            disabled=refusal is not None,
            on_click=_close,
            args=(key, work),
        )


def _submit(work: Callable[[], str], clears: Sequence[str]) -> None:
    if attempt(work):
        for name in clears:
            st.session_state[name] = ""


def _close(key: str, work: Callable[[], str]) -> None:
    if attempt(work):
        st.session_state[f"{key}_done"] = st.session_state.get(f"{key}_done", 0) + 1


def _finish(key: str, work: Callable[[str], str], needs_override: bool) -> None:
    reason = str(st.session_state.get(f"{key}_reason", "")).strip()

    def checked() -> str:
        if not reason:
            raise NotDone("give a reason.")
        if needs_override and not st.session_state.get(f"{key}_override", False):
            raise NotDone("tick the box to go on all the same.")
        return work(reason)

    done = st.session_state.get(f"{key}_done", 0)
    _close(key, checked)
    if st.session_state.get(f"{key}_done", 0) > done:
        st.session_state[f"{key}_reason"] = ""
