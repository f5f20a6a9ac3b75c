"""What the processor is: vendor, model, microarchitecture and instruction sets."""

import re
from collections.abc import Mapping

from latbase.profiler.probes.files import Fact, HostFiles, Probed
from latbase.profiler.probes.microarchitecture import Processor, microarchitecture

CPUINFO = "/proc/cpuinfo"

ARM_VENDORS = {
    "0x41": "ARM",
    "0x42": "Broadcom",
    "0x43": "Cavium",
    "0x46": "Fujitsu",
    "0x48": "HiSilicon",
    "0x4e": "NVIDIA",
    "0x51": "Qualcomm",
    "0x61": "Apple",
    "0x6d": "Microsoft",
    "0xc0": "Ampere",
}

HIDDEN_BRANDS = re.compile(
    r"QEMU|Common K?VM|Virtual|^AMD EPYC$|^Intel.* Processor \(", re.IGNORECASE
)
"""Brands a hypervisor shows in place of the product's: real ones carry a model number."""


def probe_cpu(files: HostFiles) -> Probed:
    """Return the facts of the processor, one microarchitecture per kind of core."""
    text = files.text(CPUINFO)
    kinds, source = (_from_kernel(text), CPUINFO) if text else (_from_library(), "py-cpuinfo")
    if not kinds:
        return Probed(notes=("The processor could not be identified: its facts are left out.",))
    first = kinds[0]
    names = sorted({microarchitecture(kind) for kind in kinds})
    values: dict[str, object] = {
        "cpu_vendor": first.vendor,
        "cpu_family": first.family,
        "cpu_model": sorted({kind.model for kind in kinds}),
        "cpu_stepping": sorted({kind.stepping for kind in kinds}),
        "cpu_brand": first.brand,
        "cpu_flags": sorted(frozenset.intersection(*(kind.speed_flags() for kind in kinds))),
    }
    facts = [Fact(name=name, value=value, source=source) for name, value in values.items()]
    facts.append(
        Fact(name="microarchitecture", value=names, source=f"{source}, microarchitectures.json")
    )
    return Probed(facts=tuple(facts), notes=_notes(first, names))


def _notes(processor: Processor, names: list[str]) -> tuple[str, ...]:
    notes = []
    if "hypervisor" in processor.flags and HIDDEN_BRANDS.search(processor.brand):
        notes.append(
            f"The virtual machine shows {processor.brand!r} as its processor: hosts of different "
            "speed may share this hardware id. Ask for host CPU pass-through where you can."
        )
    if any(name.startswith("unknown") for name in names):
        notes.append(
            f"No microarchitecture is known for {processor.vendor} family {processor.family} "
            f"model {processor.model}: it is called {', '.join(names)}."
        )
    return tuple(notes)


def _from_kernel(text: str) -> list[Processor]:
    blocks = [_fields(block) for block in re.split(r"\n\s*\n", text)]
    kinds = {_processor(block) for block in blocks if "processor" in block}
    return sorted(kinds, key=lambda kind: (kind.model, kind.stepping))


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def _processor(fields: Mapping[str, str]) -> Processor:
    if "CPU implementer" in fields:
        implementer = fields["CPU implementer"].lower()
        return Processor(
            vendor=ARM_VENDORS.get(implementer, implementer),
            family=fields.get("CPU architecture", ""),
            model=fields.get("CPU part", "").lower(),
            stepping=f"{fields.get('CPU variant', '')}p{fields.get('CPU revision', '')}",
            brand=_brand(fields.get("model name", "")),
            flags=frozenset(fields.get("Features", "").split()),
        )
    return Processor(
        vendor=fields.get("vendor_id", ""),
        family=fields.get("cpu family", ""),
        model=fields.get("model", ""),
        stepping=fields.get("stepping", ""),
        brand=_brand(fields.get("model name", "")),
        flags=frozenset(fields.get("flags", "").split()),
    )


def _brand(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _from_library() -> list[Processor]:
    """Identify the processor where there is no ``/proc``; takes about a second."""
    import cpuinfo  # noqa: PLC0415 -- slow, and needed only off Linux

    found: Mapping[str, object] = cpuinfo.get_cpu_info() or {}
    flags = found.get("flags", [])
    processor = Processor(
        vendor=str(found.get("vendor_id_raw", "")),
        family=str(found.get("family", "")),
        model=str(found.get("model", "")),
        stepping=str(found.get("stepping", "")),
        brand=_brand(str(found.get("brand_raw", ""))),
        flags=frozenset(map(str, flags)) if isinstance(flags, list) else frozenset(),
    )
    return [processor] if processor.vendor or processor.brand else []
