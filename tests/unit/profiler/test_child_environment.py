from pathlib import Path

import pytest

from latbase.profiler.child import child_environment
from latbase.profiler.messages import WorkerSpec
from latbase.profiler.probes.files import HostFiles
from latbase.profiler.worker import resting_share


def spec(gpu_uuid: str | None = None) -> WorkerSpec:
    return WorkerSpec(
        supernet="toy",
        device="cuda" if gpu_uuid else "cpu",
        gpu_uuid=gpu_uuid,
        cpus=(2, 4),
        threads=2,
        batch_size=1,
        precision="fp32",
        engine="eager",
        memory_format="contiguous",
        input_size=224,
        parent=1,
        renewed=True,
    )


def test_threads_are_explicit_bound_and_passive():
    made = child_environment(spec(), {"OMP_NUM_THREADS": "64", "PATH": "/bin"})
    assert made["OMP_NUM_THREADS"] == made["MKL_NUM_THREADS"] == "2"
    assert made["OMP_PLACES"] == "{2},{4}"
    assert made["OMP_WAIT_POLICY"] == "PASSIVE"
    assert made["PATH"] == "/bin"


def test_freed_memory_is_kept():
    made = child_environment(spec(), {})
    assert int(made["MALLOC_TRIM_THRESHOLD_"]) > 1 << 30
    assert int(made["MALLOC_MMAP_THRESHOLD_"]) == 32 << 20


def test_huge_pages_are_asked_for_beside_what_the_user_tunes():
    assert child_environment(spec(), {})["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    own = child_environment(spec(), {"GLIBC_TUNABLES": "glibc.malloc.check=0"})
    assert own["GLIBC_TUNABLES"] == "glibc.malloc.check=0:glibc.malloc.hugetlb=1"


@pytest.mark.parametrize(
    ("runtime", "least", "most"),
    [("950000", 0.052, 0.06), ("500000", 1.0, 1.2), ("-1", 0.0, 0.0), (None, 0.052, 0.06)],
)
def test_the_child_rests_as_long_as_real_time_work_must(
    tmp_path: Path, runtime: str | None, least: float, most: float
):
    kernel = tmp_path / "proc" / "sys" / "kernel"
    kernel.mkdir(parents=True)
    (kernel / "sched_rt_period_us").write_text("1000000\n")
    if runtime is not None:
        (kernel / "sched_rt_runtime_us").write_text(runtime)
    assert least <= resting_share(HostFiles(tmp_path)) <= most


def test_only_the_measured_gpu_is_visible():
    assert child_environment(spec("GPU-abc"), {})["CUDA_VISIBLE_DEVICES"] == "GPU-abc"
    assert child_environment(spec(), {"CUDA_VISIBLE_DEVICES": "0"})["CUDA_VISIBLE_DEVICES"] == ""


def test_a_spec_survives_the_command_line():
    assert WorkerSpec.from_json(spec("GPU-abc").to_json()) == spec("GPU-abc")
