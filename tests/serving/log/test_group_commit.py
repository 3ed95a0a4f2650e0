"""The journal: what waits together is written together, in order, and nothing is lost."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from core.errors import Unavailable
from core.serving.log.group_commit import Journal


class Disk:
    """A write that can be held up, and that remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.error: Exception | None = None
        self.go_on = threading.Event()
        self.writing = threading.Event()
        self.go_on.set()

    def write(self, entries: Sequence[int], claim: Callable[[], None]) -> list[int]:
        self.writing.set()
        self.go_on.wait(10)
        claim()
        if self.error is not None:
            raise self.error
        self.batches.append(list(entries))
        return [entry * 10 for entry in entries]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def journal(disk: Disk) -> Iterator[Journal[int, int]]:
    journal = Journal(disk.write, max_batch_rows=4, max_waiting_rows=8)
    yield journal
    disk.go_on.set()
    journal.close()


def _hold(journal: Journal[int, int], disk: Disk) -> None:
    """Let a first entry, 0, be in the middle of its write."""
    disk.go_on.clear()
    journal.append(0)
    assert disk.writing.wait(10)


def test_an_entry_is_written_and_gets_its_own_result(journal: Journal[int, int]) -> None:
    assert journal.append(7).result(10) == 70


def test_entries_that_wait_together_share_one_write(journal: Journal[int, int], disk: Disk) -> None:
    _hold(journal, disk)
    receipts = [journal.append(entry) for entry in (1, 2, 3)]
    disk.go_on.set()
    assert [receipt.result(10) for receipt in receipts] == [10, 20, 30]
    assert disk.batches == [[0], [1, 2, 3]]


def test_a_batch_has_a_largest_size_and_the_order_is_kept(
    journal: Journal[int, int], disk: Disk
) -> None:
    _hold(journal, disk)
    receipts = [journal.append(entry) for entry in (1, 2, 3, 4, 5, 6)]
    disk.go_on.set()
    assert [receipt.result(10) for receipt in receipts] == [10, 20, 30, 40, 50, 60]
    assert disk.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_an_entry_of_many_rows_counts_as_many(journal: Journal[int, int], disk: Disk) -> None:
    _hold(journal, disk)
    receipts = [journal.append(1, 3), journal.append(2, 3)]
    assert journal.n_waiting == 7
    disk.go_on.set()
    assert [receipt.result(10) for receipt in receipts] == [10, 20]
    assert disk.batches == [[0], [1], [2]]


def test_more_than_may_wait_is_refused_and_what_waits_is_kept(
    journal: Journal[int, int], disk: Disk
) -> None:
    _hold(journal, disk)
    receipts = [journal.append(entry) for entry in range(1, 8)]
    with pytest.raises(Unavailable, match="8 rows wait"):
        journal.append(8)
    disk.go_on.set()
    assert [receipt.result(10) for receipt in receipts] == [10 * entry for entry in range(1, 8)]
    assert journal.append(9).result(10) == 90
    assert journal.n_waiting == 0


def test_what_a_write_raises_everyone_in_it_gets_and_the_next_is_tried(
    journal: Journal[int, int], disk: Disk
) -> None:
    _hold(journal, disk)
    lost = [journal.append(1), journal.append(2)]
    disk.error = Unavailable("The disk is full.")
    disk.go_on.set()
    for receipt in lost:
        with pytest.raises(Unavailable, match="The disk is full"):
            receipt.result(10)
    disk.error = None
    assert journal.append(3).result(10) == 30
    assert journal.n_waiting == 0


def test_a_bug_in_a_write_does_not_end_the_journal(journal: Journal[int, int], disk: Disk) -> None:
    disk.error = UnicodeError("a bug")
    with pytest.raises(UnicodeError):
        journal.append(1).result(10)
    disk.error = None
    assert journal.append(2).result(10) == 20


def test_closing_writes_everything_that_waits(disk: Disk) -> None:
    journal = Journal(disk.write, max_batch_rows=4)
    _hold(journal, disk)
    receipts = [journal.append(entry) for entry in range(1, 8)]
    closing = threading.Thread(target=journal.close)
    closing.start()
    disk.go_on.set()
    closing.join(10)
    assert all(receipt.written.done() for receipt in receipts)
    assert disk.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]


def test_after_closing_nothing_is_taken(disk: Disk) -> None:
    journal = Journal(disk.write)
    journal.close()
    with pytest.raises(Unavailable, match="stopping"):
        journal.append(1)


def test_entries_of_many_threads_are_each_written_once(disk: Disk) -> None:
    journal = Journal(disk.write, max_waiting_rows=10_000)
    results: list[int] = []

    def append(start: int) -> None:
        for entry in range(start, start + 200):
            results.append(journal.append(entry).result(10))

    threads = [threading.Thread(target=append, args=(start,)) for start in range(0, 1600, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    written = [entry for batch in disk.batches for entry in batch]
    assert sorted(written) == list(range(1600))
    assert sorted(results) == [10 * entry for entry in range(1600)]


def test_what_nobody_waits_for_any_more_is_not_written(
    journal: Journal[int, int], disk: Disk
) -> None:
    """Its caller was told that it was not: the log may not say otherwise."""
    _hold(journal, disk)
    given_up = journal.append(1)
    assert given_up.abandon()
    later = journal.append(2)
    disk.go_on.set()
    with pytest.raises(Unavailable, match="nobody waited"):
        given_up.result(10)
    assert later.result(10) == 20
    assert disk.batches == [[0], [2]]


def test_what_is_being_written_cannot_be_given_up(journal: Journal[int, int], disk: Disk) -> None:
    receipt = journal.append(7)
    assert receipt.result(10) == 70
    assert not receipt.abandon()
