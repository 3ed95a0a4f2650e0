"""A version's training report: the verdict, then the figures behind it."""

from collections.abc import Mapping, Sequence

from core import text
from core.domain.training_report import Estimate, Picks, TrainingReport
from core.domain.version import Version, version_name
from core.training.evaluate.gate import name_picker
from core.training.evaluate.verdict import describe_picks, describe_search
from ui import st
from ui.common import charts, filters, metric_cards, tables
from ui.markup import Markdown, bullets

_NAIVE = {
    "mean": "always the mean",
    "median": "always the median",
    "recent_mean": "the recent mean",
    "category_mean": "the mean of each",
    "heuristic": "the heuristic",
}

_FEATURE_NAMES = "feature names"


def badges(report: TrainingReport) -> Markdown:
    """Return the badges that a version has wherever it appears."""
    gate = (
        Markdown(":green-badge[:material/verified: Gate passed]")
        if report.gate.passed
        else Markdown(":red-badge[:material/block: Gate refused]")
    )
    demo = (
        Markdown(" :violet-badge[:material/science: Trained on synthetic rows]")
        if report.synthetic
        else ""
    )
    return gate + demo


def label(version: Version) -> str:
    """Return a version's entry in a list of choices."""
    report = version.report
    gate = "gate passed" if report.gate.passed else "gate refused"
    demo = ", synthetic" if report.synthetic else ""
    mae = text.figure(report.metrics.mae.value)
    return f"{version.name} · {report.recipe} recipe · MAE {mae} · {gate}{demo}"


def show(version: Version) -> None:
    """Show the whole report of a version."""
    report = version.report
    st.subheader(f"{version.name} · {report.recipe} recipe")
    with st.container(border=True):
        st.markdown(Markdown("{}  \n**{}**").format(badges(report), report.summary))
        show_gate(version)
        for override in report.overrides:
            st.markdown(Markdown("- :orange[Overridden:] {}").format(override))
    metric_cards.show_metrics(report)
    with st.grid(2, min_column_width=400, gap="medium"):
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**MAE against naive baselines**"))
            st.plotly_chart(
                charts.draw_marks(naive_marks(version), unit="MAE, points"),
                key=f"naive_{version.number}",
                config=charts.CONFIG,
                alt="MAE of the version with its 95 % confidence interval"
                f"{text.by_blocks(report.basis)}, and of the naive baselines",
            )
        with st.container(gap="xsmall"):
            st.markdown(Markdown("**Feature importance**"))
            st.plotly_chart(
                charts.draw_shares(report.importance, x="share of the importance, %"),
                key=f"importance_{version.number}",
                config=charts.CONFIG,
                alt="Share of importance of each feature",
            )
            if report.importance_method:
                st.caption(f"By {report.importance_method}, on the holdout.")
    if report.picks is not None:
        _show_picks(version, report.picks)
    st.caption(_describe_basis(report))
    if report.left_out:
        with st.expander(
            f"{text.count(len(report.left_out), 'column')} not used",
            key=f"left_{version.number}",
        ):
            for column, why in report.left_out.items():
                st.markdown(Markdown("- **{}**: {}").format(column, why))
    with st.expander("Details", key=f"details_{version.number}", icon=":material/list_alt:"):
        tables.show(
            [
                {"what": name, "value": value}
                for name, value in {**parameters(version), **identity(version)}.items()
            ],
            key=f"details_table_{version.number}",
            alt="Parameters of the training",
            limit=20,
            columns={"value": tables.wide()},
        )


def show_gate(version: Version) -> None:
    """Show the reasons of the gate, folded if it passed."""
    gate = version.report.gate
    listed = bullets(gate.reasons)
    if gate.passed:
        with st.expander("Checks of the gate", key=f"gate_{version.number}"):
            st.markdown(listed)
    else:
        st.markdown(listed)


def pick(
    trained: Sequence[Version], label_of: str, *, extra: Mapping[int, str] | None = None
) -> int:
    """Return the number of the chosen version: the newest, unless the person or the address says
    another; the address keeps it. `extra` are further choices."""
    names = {version.number: label(version) for version in trained} | dict(extra or {})
    numbers = list(names)
    asked = filters.get_id("version")
    chosen = st.selectbox(
        label_of,
        numbers,
        index=numbers.index(asked) if asked in names else 0,
        format_func=lambda number: names[number],
        key=f"version_of_{numbers[0]}",
        width=460,
    )
    filters.set_id("version", None if chosen == numbers[0] else chosen)
    return chosen


def _show_picks(version: Version, picks: Picks) -> None:
    with st.container(gap="xsmall"):
        st.markdown(Markdown("**Picking the best of several**"))
        if picks.gap_recovered is not None:
            st.plotly_chart(
                charts.draw_marks(
                    pick_marks(version.name, picks, picks.gap_recovered),
                    unit="recovered of the gap between a random pick and the best, %",
                ),
                key=f"picks_{version.number}",
                config=charts.CONFIG,
                alt="Share of the gap that picking by the score recovers, and picking without it",
            )
        said = describe_picks(picks)
        if said not in version.report.summary:  # it is the verdict of a picker
            st.caption(said)


def pick_marks(name: str, picks: Picks, gap: Estimate) -> list[charts.Mark]:
    """Return the share of the gap that the version and each naive picker recover, in percent."""
    naive = sorted(picks.naive.items(), key=lambda item: -(item[1].gap_recovered or 0.0))
    return [charts.build_mark(name, gap, 100)] + [
        charts.Mark(name_picker(which, of.of), 100 * (of.gap_recovered or 0.0), quiet=True)
        for which, of in naive
    ]


def _describe_basis(report: TrainingReport) -> str:
    independent = f", and treat {report.basis} as independent" if report.basis else ""
    random = (
        ""
        if report.random_split_mae is None
        else f" A random split would have claimed a MAE of {text.figure(report.random_split_mae)} "
        "points."
    )
    searched = describe_search(report.search, report.n_train)
    return (
        f"Trained on {text.count(report.n_train, 'row')}, evaluated on "
        f"{text.count(report.n_holdout, 'row')} of the holdout. Split: "
        f"{report.split_reason.rstrip('.')}. Intervals are 95 % confidence intervals"
        f"{text.by_blocks(report.basis)}{independent}."
        f"{random} {searched}"
    )


def naive_marks(version: Version) -> list[charts.Mark]:
    """Return the MAE of the version, of the one that served then, and of the naive baselines."""
    report = version.report
    marks = [charts.build_mark(version.name, report.metrics.mae)]
    if report.champion_mae is not None:
        name = "the version" if report.champion is None else version_name(report.champion)
        marks.append(charts.build_mark(f"{name}, which served then", report.champion_mae))
    return marks + [
        charts.Mark(f"{_NAIVE.get(name, name)} {naive.of or ''}".strip(), naive.mae, quiet=True)
        for name, naive in sorted(report.naive.items(), key=lambda item: item[1].mae)
    ]


def parameters(version: Version) -> dict[str, str]:
    """Return the parameters of a training, by name."""
    report = version.report
    found = {
        "recipe": report.recipe,
        "seed": str(report.seed),
        "data": "synthetic" if report.synthetic else "real",
        "snapshot": str(version.snapshot_id),
        "training rows": text.number(report.n_train),
        "holdout rows": text.number(report.n_holdout),
        "split": report.split,
        "tolerance": text.tolerance(report.tolerance),
        "features": f"{len(report.features_selected)} of {len(report.features_available)}",
        _FEATURE_NAMES: ", ".join(report.features_selected),
    }
    best = report.search.get("best")
    if isinstance(best, Mapping):
        found.update({f"search: {name}": str(value) for name, value in best.items()})
    return found


def identity(version: Version) -> dict[str, str]:
    """Return the origin and the place of a version, by name."""
    return {
        "trained at": text.moment(version.created_at),
        "trained by": version.created_by,
        "training took": text.duration(version.report.seconds),
        "code": version.report.commit or text.NOTHING,
        "libraries": ", ".join(f"{name} {v}" for name, v in version.report.environment.items())
        or text.NOTHING,
        "MLflow run": version.run_id or "not logged yet: MLflow did not answer",
        "artifact": text.short_hash(version.artifact_hash),
    }


def differing(versions: Sequence[Version]) -> list[dict[str, str]]:
    """Return the parameters in which versions differ, a row each and a column a version."""
    found = {version.name: parameters(version) for version in versions}
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    names.remove(_FEATURE_NAMES)  # too many for a cell; which came and went is said in words
    rows = [
        {"parameter": name, **{who: of.get(name, text.NOTHING) for who, of in found.items()}}
        for name in names
    ]
    return [row for row in rows if len({row[who] for who in found}) > 1]


def by_blocks(versions: Sequence[Version]) -> str:
    """Return the blocks that the intervals of some versions rest on, as `text.by_blocks` does."""
    return text.by_blocks(*(version.report.basis for version in versions))


def version_rows(versions: Sequence[Version]) -> list[dict[str, object]]:
    """Return a table row for each version."""
    return [
        {
            "version": version.name,
            "recipe": version.report.recipe,
            "gate": "passed" if version.report.gate.passed else "refused",
            "MAE, points": text.estimate(version.report.metrics.mae),
            "accuracy": text.percent_interval(version.report.metrics.accuracy),
            "skill": text.percent_interval(version.report.metrics.skill),
            "holdout rows": version.report.n_holdout,
            "data": "synthetic" if version.report.synthetic else "real",
            "trained (UTC)": version.created_at,
            "by": version.created_by,
        }
        for version in versions
    ]
