"""One thread for the searcher's own arithmetic, so that results do not depend on thread counts.

Blocked matrix products add in an order that depends on the number of threads; a last bit that
differs can change a choice, and with it the rest of a search. The matrices are small: one thread is
also the fastest.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the BLAS and OpenMP libraries loaded by now use one thread."""
    with threadpool_limits(limits=1):
        yield
