"""Memory size and virtualisation."""

import math
import re

from latbase.profiler.probes.files import Fact, HostFiles, Probed

RAM_STEPS_PER_OCTAVE = 8
"""RAM is rounded up to eighths of a power of two (14 to 16 GiB become 16): firmware, kernel and
crash dump reservations take one to three per cent off the nominal size and change with a reboot."""

VIRTUAL_PRODUCT = re.compile(
    r"virtual|vmware|kvm|qemu|bochs|xen|hvm domu|compute engine|openstack|droplet|parallels",
    re.IGNORECASE,
)


def probe_machine(files: HostFiles) -> Probed:
    """Return the facts ``ram_gib`` and ``virtualised``."""
    facts = []
    match = re.search(r"^MemTotal:\s*(\d+) kB", files.text("/proc/meminfo") or "", re.MULTILINE)
    if match:
        ram = nominal_gib(int(match[1]) * 1024)
        facts.append(Fact(name="ram_gib", value=ram, source="/proc/meminfo MemTotal, rounded up"))
    virtual, source = _virtualised(files)
    facts.append(Fact(name="virtualised", value=virtual, source=source))
    notes = () if match else ("The size of the memory could not be read: it is left out.",)
    return Probed(facts=tuple(facts), notes=notes)


def nominal_gib(size_bytes: int) -> float:
    """Round ``size_bytes`` up to the next nominal memory size, in GiB."""
    gib = size_bytes / 2**30
    step = 2.0 ** math.floor(math.log2(gib)) / RAM_STEPS_PER_OCTAVE
    return math.ceil(gib / step) * step


def _virtualised(files: HostFiles) -> tuple[bool, str]:
    flags = re.search(r"^flags\s*:(.*)$", files.text("/proc/cpuinfo") or "", re.MULTILINE)
    if flags:
        return "hypervisor" in flags[1].split(), "/proc/cpuinfo flags"
    if files.text("/sys/hypervisor/type"):
        return True, "/sys/hypervisor/type"
    identity = " ".join(
        files.text(f"/sys/class/dmi/id/{name}") or "" for name in ("sys_vendor", "product_name")
    )
    return bool(VIRTUAL_PRODUCT.search(identity)), "/sys/class/dmi/id"
