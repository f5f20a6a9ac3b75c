"""From family and model numbers to the name of a microarchitecture.

Knowledge is data (``microarchitectures.json``, after the vendors' family and model lists), the
idea of archspec. A processor that is not in the table is named by its instruction set level, so
that it still gets a stable, honest name.
"""

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources

X86_64_LEVELS = (
    ("x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    ("x86-64-v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}),
    ("x86-64-v2", {"sse4_1", "sse4_2", "ssse3", "popcnt"}),
    ("x86-64", {"sse2"}),
)
"""Levels of the x86-64 psABI, by the flags that separate one from the level below."""

ARM_LEVELS = (
    ("armv9 (sve2)", {"sve2"}),
    ("armv8.4 (sve)", {"sve"}),
    ("armv8.2 (dot product)", {"asimddp"}),
    ("armv8 (asimd)", {"asimd"}),
)


X86_VENDORS = ("GenuineIntel", "AuthenticAMD", "HygonGenuine", "CentaurHauls")

X86_SPEED_FLAGS = re.compile(
    r"s?sse\w+|avx\w*|amx\w*|fma4?|f16c|bmi[12]|abm|movbe|popcnt|adx|v?aes|v?pclmulqdq|gfni|sha\w*"
)
ARM_SPEED_FLAGS = re.compile(r"fp|fphp|asimd\w*|sve\w*|sme\w*|bf16|i8mm|fcma|atomics|lse\w*")
"""Instruction sets that decide speed. The kernel lists far more, and which of those it lists
changes with its version, its mitigations and the microcode: they must not change the id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """Identity of one kind of core; numbers are text because ARM writes them in hexadecimal."""

    vendor: str
    family: str
    model: str
    stepping: str
    brand: str
    flags: frozenset[str]

    def speed_flags(self) -> frozenset[str]:
        """Return the instruction sets that decide speed."""
        pattern = X86_SPEED_FLAGS if self.vendor in X86_VENDORS else ARM_SPEED_FLAGS
        return frozenset(flag for flag in self.flags if pattern.fullmatch(flag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the table; empty ``models`` or ``steppings`` mean any."""

    name: str
    vendor: str
    family: str
    models: frozenset[str]
    steppings: frozenset[str]

    def matches(self, core: Processor) -> bool:
        """Return whether ``core`` is this microarchitecture."""
        return (
            (self.vendor, self.family) == (core.vendor, core.family)
            and (not self.models or core.model in self.models)
            and (not self.steppings or core.stepping in self.steppings)
        )


@functools.cache
def table() -> tuple[Entry, ...]:
    """Return the known microarchitectures; the first entry that matches a core names it."""
    text = resources.files(__package__).joinpath("microarchitectures.json").read_text()
    return tuple(
        Entry(
            name=row["name"],
            vendor=row["vendor"],
            family=row["family"],
            models=frozenset(row.get("models", ())),
            steppings=frozenset(row.get("steppings", ())),
        )
        for row in json.loads(text)
    )


def microarchitecture(core: Processor) -> str:
    """Return the name of the microarchitecture of ``core``, or ``unknown (level)``."""
    for entry in table():
        if entry.matches(core):
            return entry.name
    return f"unknown ({isa_level(core.flags)})"


def isa_level(flags: frozenset[str]) -> str:
    """Return the highest instruction set level whose flags, and those below, are all present."""
    reached = "no known level"
    for levels in (X86_64_LEVELS, ARM_LEVELS):
        for name, needed in reversed(levels):
            if not needed <= flags:
                break
            reached = name
    return reached
