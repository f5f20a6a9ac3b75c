import re

from latbase.profiler.probes.microarchitecture import (
    X86_VENDORS,
    Processor,
    isa_level,
    microarchitecture,
    table,
)


def core(vendor: str, family: str, model: str, stepping: str = "1") -> Processor:
    return Processor(
        vendor=vendor, family=family, model=model, stepping=stepping, brand="", flags=frozenset()
    )


def test_the_table_is_well_formed():
    for entry in table():
        assert re.fullmatch(r"[a-z0-9_]+", entry.name)
        assert entry.family.isdigit()
        number = r"\d+" if entry.vendor in X86_VENDORS else r"0x[0-9a-f]{3}"
        assert all(re.fullmatch(number, model) for model in entry.models)


def test_no_model_is_claimed_twice():
    claims: dict[tuple[str, str, str, str], str] = {}
    for entry in table():
        for model in entry.models:
            for stepping in entry.steppings or {"any"}:
                key = (entry.vendor, entry.family, model, stepping)
                assert claims.setdefault(key, entry.name) == entry.name


def test_steppings_tell_skylake_from_its_successors():
    names = [
        microarchitecture(core("GenuineIntel", "6", "85", stepping))
        for stepping in ("4", "7", "11")
    ]
    assert names == ["skylake_x", "cascade_lake", "cooper_lake"]


def test_isa_levels_need_all_the_levels_below():
    v2 = {"sse2", "sse4_1", "sse4_2", "ssse3", "popcnt"}
    v3 = v2 | {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
    assert isa_level(frozenset({"sse2"})) == "x86-64"
    assert isa_level(frozenset(v3)) == "x86-64-v3"
    assert isa_level(frozenset(v3 - {"popcnt"})) == "x86-64"
    assert isa_level(frozenset({"asimd", "asimddp", "sve", "sve2"})) == "armv9 (sve2)"
    assert isa_level(frozenset()) == "no known level"
