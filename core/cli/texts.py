"""The verbs' answers as text for a person: the status, the reason, then the next step."""

from collections.abc import Mapping, Sequence
from typing import Any

from core import text
from core.data.quality.overview import DataSummary
from core.deployment.plan import PlanSummary
from core.deployment.release import ReleaseRehearsal
from core.domain.dataset import Trace, fold_issues
from core.domain.deployment import Deployment, RetrainingDecision
from core.domain.incident import DeliveryReceipt, Incident, Maintenance
from core.domain.job import Job
from core.domain.monitoring import DriftReport, DriftVerdict, LiveEstimate
from core.domain.version import Note, NoteKind, Version, describe_widening, list_tags, version_name
from core.monitoring.drift.compare import describe_check
from core.monitoring.measure.label_delay import describe_lag
from core.monitoring.measure.performance import Figures
from core.monitoring.slices.segments import name_culprit
from core.monitoring.summary import NOT_MEASURED, MonitorSummary, describe_shortfall, list_refusals
from core.registry import RunSummary
from core.training.evaluate.verdict import (
    describe_calibration,
    describe_curve,
    describe_picks,
    describe_search,
)
from plumbline.program import name_command

_TIME = "%Y-%m-%d %H:%M UTC"


def of_import(result: Mapping[str, Any]) -> str:
    """Return the problems, worst first, the row counts of an import, and the role of each column
    with its reason."""
    problems = [problem for problem in result["problems"] if problem["code"] != "left_out"]
    mapping = result["mapping"]
    why, features = mapping["why"], result["features"]
    lines = [
        *(_of_problem(problem) for problem in problems if problem["severity"] != "info"),
        f"{result['n_received']} rows read: {result['n_new']} new, {result['n_duplicate']} "
        f"duplicates, {result['n_rejected']} rejected.",
        "Columns:",
        *(
            f"  {_ROLES.get(role, role)} '{column}': {why[role]}"
            for role, column in mapping.items()
            if column and role not in ("ignored", "why")
        ),
        f"  {text.count(len(features), 'feature')}: {_shorten_list(features)}",
        *([f"  ignored: {why['ignored']}"] if mapping["ignored"] else []),
        *(f"  row {item['row']}: {item['message']}" for item in result["rejected"][:5]),
    ]
    if result["n_rejected"] > 5:
        lines.append(f"  ... and {result['n_rejected'] - 5} more; --json has the first 1,000.")
    lines += [f"Note: {note}" for note in result["notes"]]
    lines += [_of_problem(problem) for problem in problems if problem["severity"] == "info"]
    return "\n".join(
        [*lines, f"Next: `{name_command('data')}`, then `{name_command('train advanced')}`."]
    )


_ROLES = {"label_timestamp": "time of the label"}
_NAMED = 20  # columns of a list


def _of_problem(problem: Mapping[str, Any]) -> str:
    word = {"info": "Note", "warning": "WARNING"}.get(problem["severity"], "BLOCKING")
    return f"{word}: {problem['message']} {problem['remedy']}".rstrip()


def _shorten_list(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def of_collection(result: Mapping[str, Any]) -> str:
    """Return the outcome of each source."""
    lines = [f"{source['name']}: {source['message']}" for source in result["sources"]]
    return "\n".join([*lines, f"Next: `{name_command('data')}` shows their quality."])


def of_demo(result: Mapping[str, Any]) -> str:
    """Return the number of generated rows, and the error of the best model."""
    return (
        f"{result['n_new']} synthetic rows, marked as such everywhere. The best possible MAE "
        f"on them is {text.figure(result['best_mae'])} points: noise that no model can predict."
    )


def of_data(summary: DataSummary) -> str:
    """Return the row counts by source, and the issues."""
    if not summary.n_rows:
        return "No rows yet: `collect file PATH` imports some, `demo` generates some."
    first, last = (
        "no time" if at is None else at.strftime(_TIME)
        for at in (summary.first_at, summary.last_at)
    )
    lines = [f"{summary.n_rows} labelled rows, {summary.n_synthetic} synthetic; {first} to {last}."]
    lines += [
        f"  {count.n_rows:>9} {count.provenance:9} {count.source}" for count in summary.counts
    ]
    lines += [
        f"Source {source.name}, last collected {source.started_at.strftime(_TIME)}: "
        f"{source.message or 'not finished'}"
        for source in summary.sources
    ]
    lines += [
        f"{issue.severity.upper()}: {issue.sentence}" for issue in fold_issues(summary.issues)
    ]
    return "\n".join(lines)


def of_file_scores(result: Mapping[str, Any]) -> str:
    """Return the counts of a file's scored rows, and the reasons for the others."""
    speed = result["rows_per_second"]
    lines = [
        f"{result['n_rows']:,} rows scored by {result['version']} into {result['out']}: "
        f"{result['n_model']:,} by the model, {result['n_heuristic']:,} by the heuristic, "
        f"{result['n_failed']:,} without a score, {result['n_rejected']:,} rejected.",
        f"  {result['n_resumed']:,} of them by an earlier attempt; the others in "
        f"{text.duration(result['seconds'])}" + (f" ({speed:,.0f} rows/s)." if speed else "."),
        *(f"  {note}" for note in result["notes"]),
        *(f"  {n:,} times: {why}" for why, n in result["fallbacks"].items()),
        *(f"  row {item['row']}: {item['message']}" for item in result["rejected"][:5]),
    ]
    if result["n_rejected"] > 5:
        lines.append(f"  ... and {result['n_rejected'] - 5:,} more; --json has the first 1,000.")
    if result["n_unreadable"]:
        lines.append(f"  {result['n_unreadable']:,} rows could not be read and are not in it.")
    return "\n".join([*lines, "These scores are not logged as predictions."])


def of_file_ranking(result: Mapping[str, Any]) -> str:
    """Return the counts of a file's groups, after those of its scored rows."""
    scored, *_ = of_file_scores(result).split("\n")
    by = result["policy"] or "the best score"
    return (
        f"{scored}\n{result['n_groups']:,} groups, each with one row picked by {by}; "
        f"{result['n_alone']:,} of them have one row, {result['n_explored']:,} were left to chance."
    )


def of_replay(result: Mapping[str, Any]) -> str:
    """Return the result of a replay, and the scores that differ most."""
    lines = [result["summary"]]
    if result["doubt"]:
        lines.append(result["doubt"])
    gain, latency = result["improvement"], result["latency_ms"]
    if gain is not None:
        lines.append(
            f"  reduction of the MAE: {text.estimate(LiveEstimate(**gain), 'points')} on "
            f"{result['n_labelled']} labelled rows of {result['basis']}"
        )
    if latency:
        lines.append(
            f"  latency p50 {text.milliseconds(latency['p50'])}, p95 "
            f"{text.milliseconds(latency['p95'])} "
            f"({result['n_timed']} rows alone); fallback share "
            f"{text.percent(result['fallback_share'])}; "
            f"{result['n_at_limit']} scores at an end of the scale"
        )
    lines += [f"  {n} times: {why}" for why, n in result["failures"].items()]
    lines += [
        f"  {change['prediction_id']}: {text.figure(change['served'])} served, "
        f"{text.figure(change['replayed'])} now"
        + ("" if change["actual"] is None else f", {text.figure(change['actual'])} true")
        for change in result["changes"][:5]
    ]
    return "\n".join(lines)


def of_rehearsal(rehearsal: ReleaseRehearsal) -> str:
    """Return the version that a rollback would serve, and the time of each step."""
    return "\n".join(
        [
            f"A rollback would lead to {version_name(rehearsal.target)} and takes "
            f"{text.milliseconds(rehearsal.milliseconds)}; nothing was changed.",
            *(f"  {step.milliseconds:8.1f} ms  {step.name}" for step in rehearsal.steps),
            *([f"It needs --override: {rehearsal.objection}"] if rehearsal.objection else []),
            f"Next, if you mean it: `rollback {version_name(rehearsal.target)} --reason ...`.",
        ]
    )


def of_why(why: Mapping[str, Any]) -> str:
    """Return a score as the sum of its columns' contributions."""
    explanation = why["explanation"]
    return "\n".join(
        [
            f"{why['served']:.2f} was served; {explanation['method']}.",
            *([why["doubt"]] if why["doubt"] else []),
            f"  {explanation['base']:+8.2f}  an average row",
            *(f"  {points:+8.2f}  {name}" for name, points in explanation["contributions"].items()),
            f"  {explanation['score']:8.2f}  before clipping to the scale",
        ]
    )


def of_trace(found: Trace) -> str:
    """Return the row counts of an id or a group, and the versions trained on them."""
    lines = [f"{found.describe()}."]
    for use in found.uses:
        versions = ", ".join(version_name(number) for number in use.versions) or "no version"
        lines.append(f"  snapshot {use.snapshot_id}: {use.n_rows} rows, used by {versions}")
    if not found.uses:
        lines.append("  No snapshot holds any of them: no version was trained on them.")
    return "\n".join(lines)


def of_nearest(found: Mapping[str, Any]) -> str:
    """Return the training rows nearest to a prediction, nearest first."""
    lines = [
        f"The nearest to {found['prediction_id']} of the {found['n_rows']:,} rows of snapshot "
        f"{found['snapshot_id']}, on which {found['version']} was trained:"
    ]
    for row in found["rows"]:
        lines.append(
            f"  {row['distance']:.3f} sd a column   score {row['target']:g}   "
            f"{row['external_id'] or 'without an id'}, {row['source']}, {row['at'] or 'no time'}"
        )
    return "\n".join(lines)


def of_training(version: Version) -> str:
    """Return the verdict of a training, its reasons and figures."""
    report = version.report
    best = min(report.naive.items(), key=lambda item: item[1].mae)
    metrics = report.metrics
    r2 = "the target does not vary" if metrics.r2 is None else text.estimate(metrics.r2)
    skill = text.percent_interval(metrics.skill) if metrics.skill else "no naive baseline errs"
    lines = [
        of_version(version),
        report.summary,
        f"Trained on {report.n_train} rows, evaluated on {report.n_holdout} others "
        f"({report.split}: {report.split_reason})",
        f"  MAE       {text.estimate(metrics.mae)}   naive baseline ({best[0]}): "
        f"{text.figure(best[1].mae)}",
        f"  RMSE      {text.estimate(metrics.rmse)}   {best[0]}: {text.figure(best[1].rmse)}",
        f"  accuracy  {text.percent_interval(metrics.accuracy)} "
        f"{text.tolerance(report.tolerance)} points   "
        f"{best[0]}: {text.percent(best[1].accuracy)}",
        f"  R2        {r2}",
        f"  skill     {skill}",
        *([] if report.picks is None else [describe_picks(report.picks)]),
        "Gate:",
        *(f"  {reason}" for reason in report.gate.reasons),
    ]
    searched = describe_search(report.search, report.n_train)
    lines += [searched] if searched else []
    lines.append(describe_curve(report.learning_curve, report.doubling, report.basis))
    lines.append(describe_calibration(report.score_bands))
    if version.run_id is None:
        lines.append("MLflow did not answer: the run is logged there later.")
    if report.gate.passed:
        lines.append(f"Next: `{name_command(f'deploy {version.name} --reason TEXT')}`.")
    return "\n".join(lines)


def of_version(version: Version) -> str:
    """Return a version in one line."""
    report = version.report
    verdict = "passed the gate" if report.gate.passed else "REFUSED by the gate"
    origin = ", trained on synthetic rows" if report.synthetic else ""
    return (
        f"{version.name}  {report.recipe}  {verdict}  MAE {text.estimate(report.metrics.mae)}  "
        f"{report.n_holdout} holdout rows  {version.created_at.strftime(_TIME)} by "
        f"{version.created_by}{origin}"
    )


def of_notes(name: str, said: Sequence[Note]) -> str:
    """Return the tags of a version, then its notes, oldest first."""
    lines = [f"{name}  {', '.join(list_tags(said)) or 'no tags'}"]
    for note in said:
        kind = "" if note.kind is NoteKind.NOTE else f"{note.kind.value}: "
        lines.append(f"  {note.at.strftime(_TIME)}  {note.by}  {kind}{note.text}")
    return "\n".join(lines)


def of_run(run: RunSummary) -> str:
    """Return an MLflow run in one line."""
    version = "-" if run.version is None else version_name(run.version)
    mae = run.metrics.get("mae")
    return (
        f"{run.run_id}  {version}  {run.recipe}  MAE {text.figure(mae)}  "
        f"{run.started_at.strftime(_TIME)}"
    )


def of_plan(plan: PlanSummary) -> str:
    """Return the version that serves, since when, by whom and why, and the trial."""
    if plan.champion is None:
        return "Nothing is deployed: the heuristic answers. Next: `deploy VERSION`."
    champion, challenger = plan.champion, plan.challenger
    serves = (
        f"{version_name(champion.version)} serves since {champion.since.strftime(_TIME)}, "
        f"deployed by {champion.by}: {champion.reason} (revision {plan.revision})"
    )
    if challenger is None:
        return serves
    found = challenger.estimate
    return "\n".join(
        [
            serves,
            f"{version_name(challenger.version)} is on trial as '{challenger.ab_test}' with "
            f"{text.chosen_percent(challenger.traffic)} of the answers: "
            f"{challenger.verdict.replace('_', ' ')} "
            f"after {challenger.n_pairs} labelled pairs"
            + (
                "."
                if found is None
                else f"; its MAE is smaller by {text.estimate(found, 'points')}."
            ),
            f"Next: `promote {challenger.ab_test}` or `stop {challenger.ab_test}`.",
        ]
    )


def of_deployment(row: Deployment) -> str:
    """Return a row of the history in one line."""
    override = ", overriding the gate" if row.override else ""
    plan = row.plan
    beside = (
        ""
        if plan.challenger is None
        else f", {version_name(plan.challenger)} on trial with {text.chosen_percent(plan.traffic)}"
    )
    return (
        f"{row.revision:>4}  {row.at.strftime(_TIME)}  {row.action}  "
        f"{version_name(plan.champion)} serves{beside}, by {row.by}{override}: {row.reason}"
    )


def of_health(summary: MonitorSummary) -> str:
    """Return the status, its reasons with their next steps, the figures and open incidents."""
    report, counts = summary.report, summary.traffic.counts
    lines = [report.health.upper()]
    for reason in report.reasons:
        lines.append(f"  {reason.health}: {reason.message}")
        if reason.next_step:
            lines.append(f"      {reason.next_step}")
    lines.append(
        f"Last {text.duration(summary.window)}: {counts.n_attempted} requests = {counts.n_model} "
        "by the model + "
        f"{counts.n_heuristic} by the heuristic + {counts.n_failed} failed + {counts.n_refused} "
        f"refused; {counts.n_rows} predictions, {counts.n_labelled} labelled."
    )
    lines += [f"  {sentence}" for sentence in list_refusals(summary.traffic)]
    lines += [f"  {describe_shortfall(one)}" for one in summary.shortfalls]
    lines += _figures(summary.performance.model, summary.performance.tolerance)
    lines.append(describe_lag(summary.lag, summary.window))
    lines.append(_drift(summary.drift))
    culprit = name_culprit(summary.find_segments(summary.champion))
    lines += [] if culprit is None else [f"{culprit}."]
    widened = None if summary.widening is None else describe_widening(summary.widening)
    lines += [] if widened is None else [widened]
    lines += [of_incident(incident) for incident in summary.incidents]
    return "\n".join(lines)


def _figures(found: Figures, tolerance: float) -> list[str]:
    """Return the figures of the model's answers, each with that of the constant baseline."""
    if found.accuracy is None or found.mae is None or found.rmse is None or found.naive is None:
        return [] if found.note is None else [f"  {found.note}"]
    naive = found.naive
    skill = (
        "the constant baseline does not err"
        if found.skill is None
        else text.percent_interval(found.skill)
    )
    return [
        f"  accuracy  {text.percent_interval(found.accuracy)} {text.tolerance(tolerance)} points   "
        f"constant baseline {text.percent(naive.accuracy)}",
        f"  MAE       {text.estimate(found.mae)}   constant baseline "
        f"{text.figure(naive.mae)} (always {naive.guess:g})",
        f"  RMSE      {text.estimate(found.rmse)}   constant baseline {text.figure(naive.rmse)}",
        f"  skill     {skill}",
    ]


def _drift(report: DriftReport | None) -> str:
    if report is None:
        return NOT_MEASURED
    if report.note:
        return report.note
    said = [
        f"{verdict.value}: {'; '.join(map(describe_check, checks))}"
        for verdict, checks in (
            (DriftVerdict.CONFIRMED, report.confirmed),
            (DriftVerdict.SUSPECTED, report.suspected),
        )
        if checks
    ]
    found = ". ".join(said) or "none beyond chance"
    return (
        f"Drift of {report.n_columns} columns, {report.n_rows} of {report.n_requests} requests "
        f"since {report.from_at.strftime(_TIME)}: {found}."
    )


def of_receipts(receipts: Sequence[DeliveryReceipt]) -> str:
    """Return the receipt of each channel."""
    return "\n".join(
        f"{receipt.label}: {'taken' if receipt.error is None else f'not taken: {receipt.error}'}"
        for receipt in receipts
    )


def of_maintenance(window: Maintenance) -> str:
    """Return the end of the maintenance."""
    if window.until_at <= window.at:
        return "Maintenance is over: messages are sent again."
    return (
        f"Maintenance until {window.until_at:{_TIME}}: incidents are recorded and no messages "
        "are sent; those held back are sent then."
    )


def of_incident(incident: Incident) -> str:
    """Return an incident in one line."""
    return (
        f"{incident.id:>4}  {incident.status}  {incident.severity}  {incident.cause} since "
        f"{incident.opened_at.strftime(_TIME)}: {incident.message}"
    )


def of_retraining(
    decision: RetrainingDecision, result: Mapping[str, Any] | None, previewed: Job | None
) -> str:
    """Return whether retraining is due, the reasons, and its preview or result."""
    lines = ["Retraining is due." if decision.retrain else "Retraining is not due."]
    lines += [f"  {reason}" for reason in decision.reasons]
    if result is not None:
        lines.append(f"{result['version']}: {result['summary']}")
    elif previewed is None or previewed.finished_at is None:
        lines.append("Its effect was not estimated yet (`retrain --preview`).")
    else:
        found = dict(previewed.result or {})
        lines.append(f"Estimated {previewed.finished_at.strftime(_TIME)}: {found['summary']}")
    return "\n".join(lines)
