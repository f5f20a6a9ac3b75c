from typing import Any

from latbase.profiler.probes.gpu import read_gpus


class FakeNvmlError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"code {value}")
        self.value = value


class FakeNvml:
    """Answers like pynvml for cards given as name to (GiB, number of MIG slices)."""

    NVMLError = FakeNvmlError
    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    NVML_ERROR_DRIVER_NOT_LOADED = 9
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(self, *cards: tuple[str, int, int], fail: dict[str, int] | None = None) -> None:
        self.cards = cards
        self.fail = fail or {}

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlSystemGetDriverVersion": lambda: b"570.1",
            "nvmlDeviceGetCount": lambda: len(self.cards),
            "nvmlDeviceGetHandleByIndex": lambda i: (i, None),
            "nvmlDeviceGetUUID": lambda h: f"GPU-{h[0]}" if h[1] is None else f"MIG-{h[0]}-{h[1]}",
            "nvmlDeviceGetMigMode": lambda h: [int(self.cards[h[0]][2] > 0), 0],
            "nvmlDeviceGetMaxMigDeviceCount": lambda _h: 7,
            "nvmlDeviceGetMigDeviceHandleByIndex": self._slice,
            "nvmlDeviceGetCudaComputeCapability": lambda _h: (9, 0),
            "nvmlDeviceGetName": lambda h: (
                self.cards[h[0]][0] + (" MIG" if h[1] is not None else "")
            ),
            "nvmlDeviceGetMemoryInfo": lambda h: type(
                "Memory", (), {"total": (self.cards[h[0]][1] << 30) - 3_000_000}
            ),
        }
        if name in self.fail:
            return lambda *_: self._raise(self.fail[name])
        return answers[name]

    def _slice(self, card: tuple[int, None], index: int) -> tuple[int, int]:
        if index >= self.cards[card[0]][2]:
            self._raise(6)
        return card[0], index

    def _raise(self, value: int) -> None:
        raise FakeNvmlError(value)


def test_without_a_driver_there_is_nothing_to_say():
    report = read_gpus(FakeNvml(fail={"nvmlInit": 12}))
    assert (report.gpus, report.notes) == ((), ())


def test_a_broken_driver_is_said():
    for fail in ({"nvmlInit": 18}, {"nvmlDeviceGetName": 15}):
        report = read_gpus(FakeNvml(("H200", 141, 0), fail=fail))
        assert report.gpus == ()
        assert "does not answer (code " in report.notes[0]


def test_cards_older_than_mig_are_whole():
    report = read_gpus(FakeNvml(("P100", 16, 0), fail={"nvmlDeviceGetMigMode": 3}))
    assert [(gpu.uuid, gpu.memory_gib, gpu.mig) for gpu in report.gpus] == [("GPU-0", 16, False)]


def test_slices_stand_for_their_card():
    report = read_gpus(FakeNvml(("A100", 80, 2), ("A100", 80, 0)))
    assert [(gpu.uuid, gpu.card_uuid) for gpu in report.gpus] == [
        ("MIG-0-0", "GPU-0"),
        ("MIG-0-1", "GPU-0"),
        ("GPU-1", "GPU-1"),
    ]


def test_serials_are_not_hashed_and_order_does_not_matter():
    one = read_gpus(FakeNvml(("A100", 80, 0), ("H200", 141, 0))).probed()
    other = read_gpus(FakeNvml(("H200", 141, 0), ("A100", 80, 0))).probed()
    assert one == other
    assert "GPU-" not in str(one.facts[0].value)
