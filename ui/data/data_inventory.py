"""The store's rows on the screen: their sources, their quality and the trainings that used them."""

from collections.abc import Sequence
from datetime import datetime

from core import text
from core.data.quality.overview import Baseline, DataSummary, Glance
from core.domain.dataset import ColumnSummary, QualityReport, Snapshot
from core.domain.sample import Collection, Provenance
from core.features.availability import explain_columns
from ui import st
from ui.common import metric_cards, tables
from ui.data import issues
from ui.markup import Markdown, badge

_PROVENANCES = {
    Provenance.REAL: "real",
    Provenance.FEEDBACK: "feedback on predictions",
    Provenance.SYNTHETIC: "synthetic",
}

_ANSWERS = {
    True: ("yes", ":material/check_circle:", "green"),
    False: ("not quite", ":material/warning:", "orange"),
    None: ("unknown", ":material/help:", "gray"),
}


def show_glance(glance: Glance) -> None:
    """Show whether the rows are complete, real and sound, and the next step."""
    with st.container(border=True, gap="xsmall", key="glance"):
        for answer in glance.answers:
            word, icon, color = _ANSWERS[answer.good]
            st.markdown(
                Markdown("**{}** {} {}.").format(
                    answer.question, badge(word, icon, color), answer.said
                )
            )
        st.markdown(Markdown("**Next:** {}").format(glance.next_step))


def show_counts(data: DataSummary, now: datetime) -> None:
    """Show the rows by source and provenance."""
    with metric_cards.row():
        metric_cards.show("Rows", text.number(data.n_rows), "all labelled")
        metric_cards.show(
            "Synthetic",
            text.number(data.n_synthetic),
            text.percent(data.n_synthetic / data.n_rows) + " of the rows",
            "Generated rows, never evaluated together with real ones.",
        )
        if data.first_at is not None and data.last_at is not None:
            metric_cards.show("Newest row", text.ago(data.last_at, now), text.moment(data.last_at))
            metric_cards.show(
                "Oldest row", text.ago(data.first_at, now), text.moment(data.first_at)
            )
        else:
            metric_cards.show("Times", "none", "the rows have none")
    tables.show(
        [
            {
                "source": counts.source,
                "provenance": _PROVENANCES[counts.provenance],
                "rows": counts.n_rows,
                "first (UTC)": counts.first_at,
                "last (UTC)": counts.last_at,
            }
            for counts in data.counts
        ],
        key="counts",
        alt="Rows by source and provenance",
        columns={"rows": tables.whole(), "first (UTC)": tables.time(), "last (UTC)": tables.time()},
    )


def show_quality(report: QualityReport | None, baseline: Baseline | None, now: datetime) -> None:
    """Show the findings of the checks, then a table of the columns with their changes."""
    if report is None:
        st.caption("Not checked yet: the checks run at the end of every import.")
        return
    st.caption(
        f"Checked {text.moment_ago(report.at, now)}, on {text.count(report.n_rows, 'row')} "
        "that a training would use now."
    )
    if report.issues:
        issues.show(report.issues)
    else:
        st.markdown(
            Markdown(
                ":green-badge[:material/check_circle: Nothing found] These rows can be trained on."
            )
        )
    title = text.count(len(report.columns), "column")
    with st.expander(title, key="quality_columns", expanded=True):
        if baseline is not None:
            st.caption(f"Changes are since {baseline.since}.")
        tables.show(
            [
                {
                    "column": column.name,
                    "worst finding": issues.name_worst(report.issues, column.name),
                    "distribution": list(column.shape),
                    "missing, %": column.n_missing / report.n_rows * 100 if report.n_rows else 0.0,
                    "change": _describe_change(column, baseline),
                    "kind": column.kind,
                    "missing": column.n_missing,
                    "distinct": column.n_distinct,
                    "lowest": column.low,
                    "mean": column.mean,
                    "highest": column.high,
                    "most common": column.top,
                    "top share, %": column.top_share * 100,
                }
                for column in report.columns
            ],
            key="quality_columns_table",
            alt="Every column with its kind, missing values, range and most common value",
            limit=15,
            columns={
                "distribution": tables.bars(
                    "Rows by range of values, or by value, most common first"
                ),
                "missing": tables.whole(),
                "missing, %": tables.progress(),
                "distinct": tables.whole(),
                **{name: tables.figure() for name in ("lowest", "mean", "highest", "top share, %")},
            },
        )


def show_enhanced(data: DataSummary) -> None:
    """Show the enhanced features that the rows allow, and the missing columns of the others."""
    if data.quality is None:
        return
    columns = [column.name for column in data.quality.columns if column.n_distinct]
    found = explain_columns(columns, has_times=data.first_at is not None)
    n_there = sum(not why for why in found.values())
    title = f"Enhanced features: {n_there} of {len(found)} available"
    with st.expander(title, key="enhanced_features"):
        tables.show(
            [
                {"feature": name, "state": "missing" if why else "available", "reason": why}
                for name, why in found.items()
            ],
            key="enhanced_features_table",
            alt="The nineteen enhanced features, and why some are missing",
            columns={"reason": tables.wide()},
        )


def _describe_change(now: ColumnSummary, baseline: Baseline | None) -> str:
    """Describe the difference of a column from the baseline report."""
    if baseline is None:
        return text.NOTHING
    before = next((one for one in baseline.report.columns if one.name == now.name), None)
    if before is None:
        return "new"
    changes = []
    if now.mean is not None and before.mean is not None and now.mean != before.mean:
        changes.append(f"mean was {before.mean:.4g}")
    if now.n_missing != before.n_missing:
        changes.append(f"{before.n_missing:,} were missing")
    if now.kind != before.kind:
        changes.append(f"was a {before.kind}")
    return ", ".join(changes) or "the same"


def show_imports(found: Sequence[Collection]) -> None:
    """Show the imports with their rows and outcomes, and the rejected rows one by one. The most
    important columns come first, since a narrow screen cuts the rest."""
    tables.show(
        [
            {
                "started (UTC)": one.started_at,
                "source": one.source,
                "outcome": _name_outcome(one),
                "rows": one.n_received,
                "rejected": one.n_rejected,
                "new": one.n_new,
                "duplicates": one.n_duplicate,
                "by": one.started_by,
                "error": one.error,
            }
            for one in found
        ],
        key="imports",
        alt="Imports, newest first, with how many rows were new, duplicates or rejected",
        columns={
            "started (UTC)": tables.time(),
            **{name: tables.whole() for name in ("rows", "rejected", "new", "duplicates")},
            "error": tables.wide(),
        },
    )
    for one in found:
        if one.rejected:
            shown = text.count(one.n_rejected, "rejected row")
            with st.expander(
                f"{shown}: {one.source}, {text.moment(one.started_at)}",
                key=f"rejected_{one.id}",
                icon=":material/block:",
            ):
                tables.show(
                    [{"row": row.row, "why": row.message} for row in one.rejected],
                    key=f"rejected_table_{one.id}",
                    alt="Rejected rows by their number in the file, and why",
                    columns={"row": tables.whole(), "why": tables.wide()},
                )
                if one.n_rejected > len(one.rejected):
                    st.caption(f"Only the first {len(one.rejected):,} are kept.")


def _name_outcome(collection: Collection) -> str:
    if collection.error is not None:
        return "failed"
    return "done" if collection.finished_at else "not finished"


def show_snapshots(found: Sequence[Snapshot]) -> None:
    """Show the snapshots that trainings took."""
    if not found:
        st.caption("None yet: each training takes one, so that it can be repeated.")
        return
    tables.show(
        [
            {
                "snapshot": one.id,
                "taken (UTC)": one.created_at,
                "rows": one.n_rows,
                "data": "synthetic" if one.n_synthetic else "real",
                "features": len(one.columns),
                "content": text.short_hash(one.content_hash),
                "by": one.created_by,
            }
            for one in found
        ],
        key="snapshots",
        alt="Snapshots, newest first",
        columns={
            "taken (UTC)": tables.time(),
            **{name: tables.whole() for name in ("snapshot", "rows", "features")},
        },
    )
