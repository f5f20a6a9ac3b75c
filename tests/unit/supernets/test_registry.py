"""Names, files and broken packages."""

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from latbase.errors import SupernetError, UnknownNameError
from latbase.supernets import load, names, registry

OWN_SUPERNET = """
from latbase.supernets import Parameter, SearchSpace, Supernet


class Tiny(Supernet):
    name = "tiny"
    space = SearchSpace([Parameter("width", (8, 16))])
    default_input_size = 32

    def build(self, config):
        raise NotImplementedError

    def inputs(self, batch_size, input_size=None, seed=0):
        raise NotImplementedError

    def costs(self, g, input_size=None):
        raise NotImplementedError


class NotOne:
    pass
"""


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(OWN_SUPERNET)
    return path


def install(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str]) -> None:
    """Pretend that exactly these entry points are installed."""
    installed = EntryPoints(EntryPoint(name, value, registry.GROUP) for name, value in entries)
    monkeypatch.setattr(registry, "entry_points", installed.select)


def test_built_in_supernets_know_their_names() -> None:
    assert "ofa_resnet50" in names()
    assert [load(name).name for name in names()] == names()


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"Did you mean ofa_resnet50.*Installed: .*hat_.*ofa_mbv3",
    ):
        load("ofa_resnet5")


def test_a_broken_package_does_not_break_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        monkeypatch,
        ("broken", "no_such_package_of_anyone:net"),
        ("fine", "latbase.supernets.ofa_resnet:resnet50"),
    )
    assert names() == ["broken", "fine"]
    assert load("fine").name == "ofa_resnet50"
    with pytest.raises(SupernetError, match=r"broken .*ModuleNotFoundError.*uninstall no_such"):
        load("broken")


def test_an_entry_that_is_no_supernet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("odd", "collections:OrderedDict"))
    with pytest.raises(SupernetError, match=r"odd .*gave a OrderedDict"):
        load("odd")


def test_a_class_in_a_file_is_a_supernet(own_file: Path) -> None:
    net = load(f"{own_file}:Tiny")
    assert net.name == "tiny"
    assert net.space.size == 2


@pytest.mark.parametrize(
    ("attribute", "error", "message"),
    [
        ("Huge", UnknownNameError, "mine.py defines no Huge"),
        ("NotOne", SupernetError, "gave a NotOne; expected a class with parameters"),
    ],
)
def test_a_wrong_class_in_a_file_is_refused(
    own_file: Path, attribute: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(f"{own_file}:{attribute}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no Python file .*gone.py"):
        load(f"{tmp_path}/gone.py:Net")


@pytest.mark.parametrize(
    ("content", "message"),
    [("1 / 0", "ZeroDivisionError"), ("import sys; sys.exit(0)", "SystemEx")],
)
def test_a_file_that_fails_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.py").write_text(content)
    with pytest.raises(SupernetError, match=rf"bad.py:Net does not load \({message}"):
        load(f"{tmp_path}/bad.py:Net")
