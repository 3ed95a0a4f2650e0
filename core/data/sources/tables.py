"""The configured tables of a Supabase project as a source."""

from contextlib import closing
from datetime import timedelta

from core.data.sources.contract import CollectionRequest, SourceKind
from core.domain.job import Progress
from core.domain.source import CollectionOutcome, Source
from core.errors import InvalidInput


def collect(asked: CollectionRequest, progress: Progress) -> list[Source]:
    """Collect every table; return wrong settings as a failure of all."""
    if not asked.settings.supabase_url:
        return []
    try:
        return collect_configured(asked, progress)
    except InvalidInput as error:
        now = asked.now()
        return [
            Source(
                "supabase", {}, 0, now, now, outcome=CollectionOutcome.FAILED, message=str(error)
            )
        ]


def collect_configured(asked: CollectionRequest, progress: Progress) -> list[Source]:
    """Collect every table; raises `InvalidInput` if the project's settings or a mapping are
    wrong."""
    # Not at the top: the Supabase client takes a second that every other verb would wait for.
    from core.data.tables import table_mappings

    settings = asked.settings
    with closing(
        table_mappings.open_project(
            settings.supabase_url,
            settings.supabase_key.reveal(),
            settings.supabase_timeout_seconds,
        )
    ) as project:
        return table_mappings.collect_tables(
            asked.with_progress(progress),
            project,
            table_mappings.parse_mappings(settings.supabase_tables),
            asked.request,
            overlap=timedelta(hours=settings.collect_overlap_hours),
        )


KIND = SourceKind("supabase", collect)
