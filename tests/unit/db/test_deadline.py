"""A deadline insists, and tells whether it struck."""

import threading

from latbase.db.deadline import deadline

PATIENCE_S = 10.0


def test_it_interrupts_again_and_again() -> None:
    """DuckDB forgets an interrupt that falls between two statements."""
    often = threading.Semaphore(0)
    with deadline(0.01, often.release) as struck:
        for _ in range(3):
            assert often.acquire(timeout=PATIENCE_S)
        assert struck.is_set()


def test_who_is_in_time_is_not_interrupted() -> None:
    calls: list[None] = []
    with deadline(PATIENCE_S, lambda: calls.append(None)) as struck:
        pass
    assert not calls
    assert not struck.is_set()


def test_who_is_no_longer_waited_for_is_interrupted() -> None:
    often, gone = threading.Semaphore(0), threading.Event()
    with deadline(None, often.release, gone) as struck:
        gone.set()
        assert often.acquire(timeout=PATIENCE_S)
    assert struck.is_set()
