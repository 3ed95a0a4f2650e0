"""The first steps of a new installation, as a list that ticks itself off."""

from dataclasses import dataclass

from ui import st
from ui.common import pages
from ui.markup import Markdown


@dataclass(frozen=True, slots=True)
class OnboardingStep:
    """A step, the page on which it is done, and whether it is."""

    title: str
    help: str
    page: str
    link: str
    done: bool


def build_steps(
    *, has_rows: bool, has_version: bool, serves: bool, has_requests: bool, has_labels: bool
) -> list[OnboardingStep]:
    """Return the five steps from nothing to a chart of the accuracy.

    >>> steps = build_steps(
    ...     has_rows=True, has_version=False, serves=False, has_requests=False, has_labels=False
    ... )
    >>> [step.page for step in steps if not step.done]
    ['training', 'deployments', 'monitoring', 'monitoring']
    """
    return [
        OnboardingStep(
            "Import labelled rows", "a CSV, Excel, JSON or Parquet file", "data", "Import", has_rows
        ),
        OnboardingStep("Train a version", "and read its verdict", "training", "Train", has_version),
        OnboardingStep("Deploy it", "with a reason", "deployments", "Deploy", serves),
        OnboardingStep(
            "Send requests",
            Markdown("`POST /v1/predict` with a row's features"),
            "monitoring",
            "Watch them arrive",
            has_requests,
        ),
        OnboardingStep(
            "Send the true scores",
            Markdown("`POST /v1/feedback` with the prediction's id"),
            "monitoring",
            "See the accuracy",
            has_labels,
        ),
    ]


def is_complete(steps: list[OnboardingStep]) -> bool:
    """Return True if every step is done."""
    return all(step.done for step in steps)


def show(steps: list[OnboardingStep]) -> None:
    """Show the list; the first open step stands out and has its link."""
    following = next((step for step in steps if not step.done), None)
    with st.container(border=True):
        st.markdown(Markdown("**First steps**"))
        for number, step in enumerate(steps, start=1):
            if step.done:
                st.markdown(
                    Markdown(":green[:material/check_circle:] {}. {} :gray[done]").format(
                        number, step.title
                    )
                )
            elif step is following:
                icon = Markdown(":primary[:material/arrow_circle_right:]")
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.markdown(
                        Markdown("{} {}. **{}**, {}").format(icon, number, step.title, step.help),
                        width="content",
                    )
                    pages.link(step.page, step.link)
            else:
                st.markdown(
                    Markdown(":gray[:material/radio_button_unchecked: {}. {}, {}]").format(
                        number, step.title, step.help
                    )
                )
