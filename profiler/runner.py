"""The measuring process of a daemon: carries out one assignment, then ends.

Run as ``python -m latbase.profiler.runner PARENT`` with an assignment on stdin; it dies with that
process. It loads the supernet and
with it torch, so that the daemon need not; every result is in the outbox before the next is asked
for. What goes wrong here fails the jobs that have no result yet and never reaches the daemon.
"""

import itertools
import sys
from collections import defaultdict

from latbase import supernets
from latbase.db.networks import supernet_of
from latbase.db.records import Record
from latbase.errors import LatbaseError, SupernetError, UnknownNameError
from latbase.profiler import journal
from latbase.profiler.assignment import Assignment
from latbase.profiler.fingerprint import fingerprint
from latbase.profiler.outbox import Outbox
from latbase.profiler.protocol import PRESETS
from latbase.profiler.session import Failure, measure
from latbase.profiler.worker import die_with
from latbase.supernets import Supernet


def main() -> None:
    """Carry out the assignment on stdin."""
    die_with(int(sys.argv[1]))
    journal.to_stderr()
    assignment = Assignment.from_json(sys.stdin.buffer.read())
    outbox = Outbox(assignment.outbox)
    asking: dict[str, list[str]] = defaultdict(list)
    for job_id, subnet in assignment.jobs.items():
        asking[subnet.subnet_id].append(job_id)
    try:
        carry_out(assignment, asking, outbox)
    except Exception as error:  # noqa: BLE001 -- a user's supernet may raise anything
        known = isinstance(error, LatbaseError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        for job_id in itertools.chain.from_iterable(asking.values()):
            outbox.put_failure(job_id, reason)


def carry_out(assignment: Assignment, asking: dict[str, list[str]], outbox: Outbox) -> None:
    """Measure everything; every result goes to ``outbox`` for each job that asked for it.

    Args:
        assignment: what to measure.
        asking: the jobs of every sub-network; those with a result are taken out.
        outbox: takes the results.

    Raises:
        LatbaseError: nothing of the rest can be measured on this host.
    """
    network, loads_as = resolve(assignment)
    found = fingerprint(assignment.state_dir)
    subnets = {subnet.subnet_id: subnet for subnet in assignment.jobs.values()}
    # With what they refer to, results can go to any store that knows the host.
    context: list[Record] = [found.hardware, found.environment, assignment.configuration]
    context.append(supernet_of(network))
    for result in measure(
        network,
        list(subnets.values()),
        assignment.configuration,
        fingerprint=found,
        state_dir=assignment.state_dir,
        protocol=PRESETS[assignment.preset],
        loads_as=loads_as,
        on_event=lambda text: journal.say("measuring", note=text),
    ):
        for job_id in asking.pop(result.subnet_id):
            if isinstance(result, Failure):
                outbox.put_failure(job_id, result.reason)
            else:
                outbox.put(job_id, [*context, subnets[result.subnet_id], *result.measurements])


def resolve(assignment: Assignment) -> tuple[Supernet, str]:
    """Return the supernet whose definition the jobs mean, and the name it loads by.

    Raises:
        UnknownNameError: this host has no supernet of that name.
        SupernetError: it has another definition here.
    """
    others = []
    for name in (assignment.supernet, *assignment.sources):
        try:
            network = supernets.load(name)
        except UnknownNameError:
            continue
        if supernet_of(network).supernet_id == assignment.supernet_id:
            return network, name
        if network.name == assignment.supernet:
            others.append(name)
    if others:
        raise SupernetError(
            f"The supernet {assignment.supernet} is defined differently on this host (by "
            f"{', '.join(others)}) than where the job was made; bring both to the same version."
        )
    raise UnknownNameError(
        f"This host has no supernet {assignment.supernet}; install the package that defines it "
        "here, or start the daemon with --supernet path/to/file.py:Name."
    )


if __name__ == "__main__":
    main()
