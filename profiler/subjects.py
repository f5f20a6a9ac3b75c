"""The sub-networks a timing child holds ready: build, warm up, visit, drop. Child process only."""

import ctypes
import gc
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch.autograd.profiler import profile

import latbase.supernets
from latbase.profiler import engines, protocol
from latbase.profiler.messages import Added, Visited, WorkerSpec
from latbase.supernets import Supernet

GPU_WARM_UP_S = 1.0
"""A GPU takes some hundred milliseconds of load to raise its clocks."""

ROTATING_INPUTS = 4
"""Inputs a GPU gets in turn, so that none stays in a cache between calls."""


CACHE_LINE, LINES = 64, 1600
"""Bytes, and how many a padding may have: 100 kB, many times the 4 kB of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A sub-network that is ready to be timed.

    Attributes:
        model: the network.
        call: one forward pass; it returns when the result is there.
        calls: forward passes per reading.
        device_ms: GPU time of each call since it was last cleared; stays empty on a CPU.
    """

    model: torch.nn.Module
    call: Callable[[], None]
    calls: int
    device_ms: list[float]


def load(name: str) -> Supernet:
    """Return the supernet, with no thread of torch's started: copies of this process lack them."""
    torch.set_num_threads(1)
    return latbase.supernets.load(name)


class Subjects:
    """All sub-networks of one configuration that are active now."""

    def __init__(
        self, spec: WorkerSpec, network: Supernet, read_mj: Callable[[], float] | None
    ) -> None:
        torch.set_num_threads(spec.threads)
        torch.set_flush_denormal(True)  # denormal activations cost fifteen times the time
        self._spec = spec
        self._read_mj = read_mj
        self._supernet = network
        count = ROTATING_INPUTS if spec.device == "cuda" else 1
        self._inputs = [
            self._supernet.inputs(spec.batch_size, spec.input_size, seed) for seed in range(count)
        ]
        # glibc gives each thread a heap. Networks that go leave holes; were those on the heap of
        # the passes, activations would spread over them: 10-20 % slower at the end of a session.
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="builder")
        self._ready: dict[str, Subject] = {}

    def add(
        self, key: str, config: Mapping[str, object], *, weigh: bool, calls: int | None
    ) -> Added:
        """Build, convert, prepare and warm up ``config``; ``weigh`` it if asked.

        Where ``calls`` are known from another process, the one call that preparing takes is enough:
        first readings after one, two and three calls agreed within 0.3 %.
        """
        begin = time.perf_counter()
        model = self._builder.submit(self._built, config).result()
        built = time.perf_counter()
        model, forward, inputs = self._builder.submit(self._prepared, model).result()
        spec = self._spec
        device_ms: list[float] = []
        call = _caller(forward, inputs, device_ms if spec.device == "cuda" else None)
        call()  # engines that compile do it now
        prepared = time.perf_counter()
        times: tuple[float, ...] = ()
        if calls is None:
            minimum_s = GPU_WARM_UP_S if spec.device == "cuda" else 0.0
            times = protocol.warm_up(call, time.perf_counter_ns, minimum_s=minimum_s)
            calls = protocol.calls_per_reading(min(times))
        added = Added(
            build_s=built - begin,
            prepare_s=prepared - built,
            warm_up_ms=times,
            calls=calls,
            peak_memory_bytes=_peak_memory_bytes(model, call, spec.device) if weigh else None,
        )
        # Only now: the parent never drops what it was told has failed.
        self._ready[key] = Subject(model=model, call=call, calls=calls, device_ms=device_ms)
        return added

    def _prepared(
        self, model: torch.nn.Module
    ) -> tuple[torch.nn.Module, engines.Forward, list[engines.Inputs]]:
        """Return the converted network, what of it is timed, and the inputs."""
        spec = self._spec
        with torch.inference_mode():
            model, inputs = engines.convert(
                model,
                self._inputs,
                device=spec.device,
                precision=spec.precision,
                layout=spec.memory_format,
            )
            return model, engines.prepare(model, inputs[0], engine=spec.engine), inputs

    def _built(self, config: Mapping[str, object]) -> torch.nn.Module:
        gc.disable()  # it would look through all networks again and again while one more is made
        try:
            return self._supernet.build(config)
        finally:
            gc.enable()

    def visit(self, key: str, readings: int) -> Visited:
        """Take ``readings`` readings of ``key``."""
        subject = self._ready[key]
        subject.device_ms.clear()
        energy_start = self._read_mj() if self._read_mj else 0.0
        taken = protocol.visit(
            subject.call,
            time.perf_counter_ns,
            time.process_time_ns,
            readings=readings,
            calls=subject.calls,
        )
        passes = readings * subject.calls
        spent = (self._read_mj() - energy_start) / passes if self._read_mj else None
        device = subject.device_ms
        per_reading = [device[i : i + subject.calls] for i in range(0, len(device), subject.calls)]
        return Visited(
            wall_ms=taken.wall_ms,
            cpu_ms=taken.cpu_ms,
            gpu_ms=tuple(sum(times) / subject.calls for times in per_reading),
            energy_mj=spent,
        )

    def move(self) -> None:
        """Give weights and activations other places in memory, as a fresh process would.

        Places decide what pushes what out of a cache. Free pages go back to the kernel and come
        again in another order; a padding shifts the activations within theirs; weights are copied.
        """
        ctypes.CDLL(None).malloc_trim(0)
        self._padding = torch.empty(CACHE_LINE * random.randrange(LINES), dtype=torch.uint8)
        subjects = list(self._ready.values())
        for subject in random.sample(subjects, len(subjects)):
            self._builder.submit(_copy_weights, subject.model).result()

    def drop(self, key: str) -> None:
        """Forget ``key`` and free its memory."""
        self._ready.pop(key, None)


def _copy_weights(model: torch.nn.Module) -> None:
    with torch.inference_mode():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data = tensor.data.clone()


def _caller(
    forward: engines.Forward, inputs: list[engines.Inputs], device_ms: list[float] | None
) -> Callable[[], None]:
    """Return a call of ``forward`` on the next inputs that ends when the result is there.

    On a GPU, ``device_ms`` takes the time between two events around each call.
    """
    turn: Iterator[engines.Inputs] = itertools.cycle(inputs)

    def on_cpu() -> None:
        with torch.inference_mode():
            forward(*next(turn))

    if device_ms is None:
        return on_cpu
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    stop = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def on_gpu() -> None:
        start.record()
        on_cpu()
        stop.record()
        stop.synchronize()
        device_ms.append(start.elapsed_time(stop))

    return on_gpu


def _peak_memory_bytes(model: torch.nn.Module, call: Callable[[], None], device: str) -> int | None:
    """Return weights, buffers and the most that was allocated at once during one call."""
    held = sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return held + torch.cuda.max_memory_allocated() - before
    # Not torch.profiler.profile: around this it imports torch's compiler, two seconds.
    with profile(profile_memory=True) as recorded:
        call()
    # Torch's public summary nets out what is allocated and freed within one operator.
    results = recorded.kineto_results
    if results is None:
        return None
    events = [event for event in results.events() if event.name() == "[memory]"]
    steps = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return held + max(itertools.accumulate(steps), default=0)
