import threading
from collections.abc import Sequence

import pytest

from latbase.db.combining import Combiner


class Work:
    """Does what others hand in together, once it is let go; some items are bad."""

    def __init__(self, **bad: BaseException) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.calls: list[list[str]] = []
        self._bad = bad

    def __call__(self, items: Sequence[str]) -> None:
        self.calls.append(list(items))
        self.begun.set()
        assert self.go.wait(10)
        for item in items:
            if item in self._bad:
                raise self._bad[item]


def outcomes(work: Work, *items: str) -> dict[str, BaseException | None]:
    """Submit each from a thread of its own while the first is busy; return what each raised."""
    combiner = Combiner(work)
    raised: dict[str, BaseException | None] = dict.fromkeys(items)

    def submit(item: str) -> None:
        try:
            combiner.submit(item)
        except BaseException as error:  # noqa: BLE001 - what is raised is looked at
            raised[item] = error

    threads = [threading.Thread(target=submit, args=(item,)) for item in items]
    threads[0].start()
    assert work.begun.wait(10)
    for number, thread in enumerate(threads[1:], 1):
        thread.start()
        while len(combiner._waiting) < number:
            assert thread.is_alive()
    work.go.set()
    for thread in threads:
        thread.join(10)
    return raised


def test_all_that_wait_are_served_together():
    work = Work()
    assert outcomes(work, "a", "b", "c") == {"a": None, "b": None, "c": None}
    assert work.calls == [["a"], ["b", "c"]]


def test_a_bad_item_fails_alone():
    error = ValueError("bad")
    assert outcomes(Work(c=error), "a", "b", "c", "d") == {
        "a": None,
        "b": None,
        "c": error,
        "d": None,
    }


@pytest.mark.parametrize("first_error", [None, ValueError("bad")], ids=["together", "one by one"])
def test_what_an_interrupt_left_undone_is_reported_as_done_to_nobody(
    first_error: ValueError | None,
):
    """Also where it strikes while a bad item is told from the good ones."""
    interrupt = KeyboardInterrupt()
    bad: dict[str, BaseException] = {"c": interrupt}
    if first_error:
        bad["b"] = first_error
    raised = outcomes(Work(**bad), "a", "b", "c", "d")
    assert raised["a"] is None
    assert raised["b"] in (first_error or interrupt, interrupt)  # whose thread did the work
    assert raised["c"] is raised["d"] is interrupt
