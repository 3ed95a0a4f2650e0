"""The work of each kind of job: a function of the app, its arguments and its progress."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.bootstrap import App, load_current_settings
from core.data.collect import add_demo, import_file
from core.data.collect_all import gather, gather_tables, refuse_failures
from core.data.context import CollectContext
from core.data.quality.import_checks import check_import
from core.data.tables.sync_cursor import Request
from core.data.uploads import remove_upload
from core.domain.actor import Actor, Role
from core.domain.job import Job, Progress
from core.domain.sample import ColumnMapping
from core.domain.source import summarize_source
from core.domain.version import parse_version, version_name
from core.errors import Incomplete, InvalidInput, OpsError, Refused
from core.file_access import resolve_below
from core.serving.replay.replay import ReplayOrder, replay_version
from core.store.predictions import labels

_N_DELAYS = 1_000

Result = dict[str, Any]
Task = Callable[[App, Job, Progress], Result]


def run_task(app: App, job: Job, progress: Progress) -> Result:
    """Do what a job asks for; what it found out, as JSON. Raises `InvalidInput` for an unknown
    kind, and whatever the work raises."""
    task = TASKS.get(job.kind)
    if task is None:
        raise InvalidInput(f"'{job.kind}' is not a kind of job: {', '.join(TASKS)} are.")
    return task(app, job, progress)


def check_queued(app: App, job: Job) -> None:
    """Raise `Refused` for a queued job that names a file of this machine, other than a copy of an
    upload or the text model of the settings: it was not requested at this machine's command
    line."""
    parameters = job.args.get("parameters")
    model = parameters.get("embedding") if isinstance(parameters, Mapping) else None
    if job.kind == "import":
        try:
            resolve_below(app.settings.uploads, _text(job.args, "path"))
        except InvalidInput as error:
            raise Refused(f"This import names no upload: {error}") from None
    elif job.kind == "predict":
        raise Refused("A file is scored by who names it: type `predict` at the command line.")
    elif model is not None:
        # Not at the top: NumPy takes a moment that every other verb would wait for.
        from core.features.embeddings import HASHED

        if model not in (HASHED, str(app.settings.text_model or HASHED)):
            raise Refused(
                "This training names another text model than PLUMBLINE_TEXT_MODEL does: set that, "
                "and train again."
            )


def _build_context(app: App, job: Job, progress: Progress) -> CollectContext:
    settings = load_current_settings(app)
    return CollectContext(
        app.db, app.settings.scale, job.requested_by, app.now, progress, settings.tolerance
    )


def _import(app: App, job: Job, progress: Progress) -> Result:
    path = Path(_text(job.args, "path"))
    collection = import_file(
        _build_context(app, job, progress),
        path,
        msgspec.convert(job.args["mapping"], ColumnMapping),
        name=_text(job.args, "name"),
        limit_bytes=app.settings.upload_limit_mb * 1_000_000,
        rules=app.settings.rules,
        accept_rejects=job.args.get("accept_rejects") is True,
    )
    if path.is_relative_to(app.settings.uploads):
        remove_upload(path)
    result: Result = msgspec.to_builtins(collection)
    return {**result, "problems": msgspec.to_builtins(check_import(collection))}


def _demo(app: App, job: Job, progress: Progress) -> Result:
    collection, best_mae = add_demo(
        _build_context(app, job, progress),
        _whole(job.args, "n_rows"),
        _whole(job.args, "seed"),
        rules=app.settings.rules,
    )
    result: Result = msgspec.to_builtins(collection)
    return {**result, "best_mae": best_mae}


def _collect(app: App, job: Job, progress: Progress) -> Result:
    settings = load_current_settings(app)
    days, limit = job.args.get("days"), job.args.get("limit")
    request = Request(
        None if days is None else msgspec.convert(days, float),
        None if limit is None else msgspec.convert(limit, int),
    )
    collect = gather_tables if job.args.get("only") == "supabase" else gather
    found = collect(app.db, settings, request, by=job.requested_by, now=app.now, progress=progress)
    result: Result = {
        "n_received": sum(source.n_received for source in found),
        "n_new": sum(source.n_new for source in found),
        "sources": msgspec.to_builtins([summarize_source(source) for source in found]),
    }
    try:
        refuse_failures(found)
    except OpsError as error:
        raise Incomplete(str(error), result) from None
    return result


def _train(app: App, job: Job, progress: Progress) -> Result:
    # Not at the top: scikit-learn and XGBoost take seconds that every other verb would wait for.
    from core.data.splits import choose_label_delay
    from core.monitoring.drift.reference import pin_reference
    from core.retraining.rollout import roll_out
    from core.training.evaluate.fit_and_evaluate import Order
    from core.training.flow import train_version
    from core.training.plan import read_plan

    settings = load_current_settings(app)
    with app.db.read() as conn:
        delays = labels.load_delays(conn, _N_DELAYS)
    overrides = job.args.get("overrides")
    order = Order(
        recipe=_text(job.args, "recipe"),
        seed=_whole(job.args, "seed"),
        scale=settings.scale,
        tolerance=settings.tolerance,
        leave_out=msgspec.convert(job.args.get("leave_out", ()), tuple[str, ...]),
        label_delay_seconds=choose_label_delay(delays, settings.label_delay_days),
        plan=read_plan(_choose_text_model(job.args, settings.text_model), settings.device),
        overrides=None if overrides is None else msgspec.convert(overrides, tuple[str, ...]),
        acknowledged=msgspec.convert(job.args.get("acknowledged", ()), tuple[str, ...]),
    )
    version = train_version(
        app.db,
        app.registry,
        order,
        snapshots=settings.snapshots,
        by=job.requested_by,
        now=app.now,
        progress=progress,
        rules=settings.rules,
    )
    pin_reference(app.db, app.registry, version, folder=settings.snapshots, now=version.created_at)
    result: Result = {"version": version.name, "summary": version.report.summary}
    if job.args.get("deploy"):
        rollout = roll_out(
            app.db, app.registry, version, settings, by=_build_actor(job), now=app.now()
        )
        result["rollout"] = {"how": rollout.how, "why": rollout.why}
    return result


def _choose_text_model(args: Mapping[str, object], model: Path | None) -> Mapping[str, object]:
    """Return the arguments of a training, with the text model of the settings for the recipe for
    texts unless its parameters are given."""
    if model is None or args.get("recipe") != "text" or args.get("parameters") is not None:
        return args
    return {**args, "parameters": {"embedding": str(model)}}


def _preview(app: App, job: Job, progress: Progress) -> Result:
    # Not at the top: scikit-learn and XGBoost take seconds that every other verb would wait for.
    from core.data.splits import choose_label_delay
    from core.training.compare.preview import preview_retraining

    settings = load_current_settings(app)
    with app.db.read() as conn:
        delays = labels.load_delays(conn, _N_DELAYS)
    found = preview_retraining(
        app.db,
        app.registry,
        snapshots=settings.snapshots,
        scale=settings.scale,
        tolerance=settings.tolerance,
        label_delay_seconds=choose_label_delay(delays, settings.label_delay_days),
        progress=progress,
    )
    result: Result = msgspec.to_builtins(found)
    return {**result, "version": version_name(found.champion)}


def _reproduce(app: App, job: Job, progress: Progress) -> Result:
    # Not at the top: scikit-learn and XGBoost take seconds that every other verb would wait for.
    from core.training.compare.reproduce import reproduce_version

    found = reproduce_version(
        app.db,
        parse_version(_text(job.args, "version")),
        snapshots=app.settings.snapshots,
        progress=progress,
    )
    result: Result = msgspec.to_builtins(found)
    return {**result, "version": version_name(found.version)}


def _replay(app: App, job: Job, progress: Progress) -> Result:
    settings = load_current_settings(app)
    order = ReplayOrder(
        number=parse_version(_text(job.args, "version")),
        days=msgspec.convert(job.args["days"], float),
        by=job.requested_by,
        scale=settings.scale,
        tolerance=settings.tolerance,
        snapshots=settings.snapshots,
    )
    replay = replay_version(
        app.db, app.registry, order, now=app.now, timer=time.perf_counter, progress=progress
    )
    found: Result = msgspec.to_builtins(replay.report)
    return {
        **found,
        "replay": replay.id,
        "version": version_name(replay.version),
        "days": replay.days,
        "fallback_share": replay.report.fallback_share,
    }


def _predict(app: App, job: Job, progress: Progress) -> Result:
    # Not at the top: Arrow takes half a second that every other verb would wait for.
    from core.serving.files.flow import FileRequest, predict_file
    from core.serving.files.parts import Options

    version = job.args.get("version")
    report = predict_file(
        app.db,
        app.registry,
        FileRequest(
            path=Path(_text(job.args, "path")),
            out=Path(_text(job.args, "out")),
            version=None if version is None else parse_version(str(version)),
            options=msgspec.convert(job.args.get("options", {}), Options),
        ),
        scale=app.settings.scale,
        now=app.now,
        timer=time.perf_counter,
        progress=progress,
    )
    result: Result = msgspec.to_builtins(report)
    return result


def _text(args: Mapping[str, object], name: str) -> str:
    return msgspec.convert(args[name], str)


def _whole(args: Mapping[str, object], name: str) -> int:
    return msgspec.convert(args[name], int)


def _build_actor(job: Job) -> Actor:
    """Return the actor of a job: whoever asked for it was allowed to."""
    return Actor(job.requested_by, Role.OPERATOR, f"job {job.id}")


TASKS: dict[str, Task] = {
    "import": _import,
    "demo": _demo,
    "collect": _collect,
    "train": _train,
    "preview": _preview,
    "replay": _replay,
    "reproduce": _reproduce,
    "predict": _predict,
}
