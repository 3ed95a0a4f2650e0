"""A job: it is open or it has ended, and nothing between."""

from core.domain.job import FINAL, JobStatus


def test_a_status_is_either_open_or_final() -> None:
    assert set(JobStatus) - FINAL == {JobStatus.QUEUED, JobStatus.RUNNING}


def test_a_job_whose_process_died_has_ended() -> None:
    assert JobStatus.LOST in FINAL
