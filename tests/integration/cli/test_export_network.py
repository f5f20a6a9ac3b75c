"""A search for real, and its sub-network taken away for real."""

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import duckdb
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from latbase import db, supernets
from latbase.cli.exporting import new_folder
from latbase.cli.main import main
from latbase.errors import InvalidInputError, LatbaseError, MeasurementError
from latbase.supernets.accuracy.image_folder import ImageFolder
from latbase.supernets.exported import SUBNET_FILE
from latbase.supernets.exporting import FORMATS, available, relative_difference

NETWORK = """
import torch

class Wide:
    parameters = {"width": (4, 8, 16)}
    input_shape = (3, 16, 16)

    def build(self, config):
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, config["width"], 3), torch.nn.BatchNorm2d(config["width"]),
            torch.nn.ReLU(), torch.nn.Flatten(),
            torch.nn.Linear(config["width"] * 196, 10),
        )

    def evaluate(self, config):
        return 90.0 + config["width"] / 16
"""
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a supernet, and a store with a finished search of it."""
    made = tmp_path_factory.mktemp("export")
    (made / "wide.py").write_text(NETWORK)
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Run]:
    """Return the command line, on that store; locks and state are its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latbase.profiler.locks.lock_directory", lambda: folder)
        patch.setenv("LATBASE_STATE_DIR", str(folder / "state"))
        patch.chdir(folder)

        def run(*arguments: str) -> Result:
            return CliRunner().invoke(main, ["--store", "latency.duckdb", *arguments])

        done = run("search", "wide.py:Wide", "--evaluations", "3", "--preset", "quick")
        assert done.exit_code == 0, done.output
        yield run


QUICK = ("--supernet", "wide.py:Wide", "--preset", "quick", "--tolerance", "1000")
"""The machine may be busy: nothing here depends on its speed."""


def test_the_fastest_within_a_share_is_written_and_measured_again(run: Run, folder: Path):
    done = run("export-network", "latest", "--pick", "fastest-within", "100%", "-o", "net", *QUICK)
    assert done.exit_code == 0, done.output
    assert "measured again from the written weights" in done.output
    record = json.loads((folder / "net" / "subnet.json").read_text())
    assert {each["format"] for each in record["files"]} == set(available())
    assert set(record["objectives"]) == {"top1", "latency_ms"}
    latency = record["latency"]
    assert latency["stored_ms"] == record["objectives"]["latency_ms"]["value"]
    with db.connect(folder / "latency.duckdb", read_only=True) as store:
        newest = store.query(
            "SELECT value FROM measurement WHERE metric = 'latency_ms' AND subnet_id = ? "
            "AND configuration_id = ? ORDER BY measured_at DESC",
            [record["subnet_id"], record["configuration"]["configuration_id"]],
        )["value"].to_pylist()
    assert len(newest) == 2
    assert newest == [latency["again_ms"], latency["stored_ms"]]
    assert not list(folder.glob(".net*"))


def test_what_was_written_is_loaded_by_its_directory(run: Run, folder: Path):
    done = run(
        "export-network", "latest", "--pick", "fastest-within", "0%", "-o", "best",
        "--formats", "config,state_dict,torchscript", "--skip-latency", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "was not measured again" in done.output
    names = {each.name for each in (folder / "best").iterdir()}
    assert names == {"subnet.json", *(FORMATS[name].file for name in ("state_dict", "torchscript"))}
    net = supernets.load(str(folder / "best"))
    config = json.loads((folder / "best" / "subnet.json").read_text())["config"]
    assert config == {"width": 16}
    (inputs,) = net.inputs(1)
    how, built = FORMATS["torchscript"], net.build(config)
    script = how.read(folder / "best" / how.file, built)
    with torch.inference_mode():
        assert relative_difference(built(inputs), script(inputs)) < 1e-6


def test_statistics_of_shared_weights_are_those_it_is_validated_with(run: Run, folder: Path):
    for label in range(10):
        (folder / "pictures" / f"class{label}").mkdir(parents=True)
        colour = (25 * label, 0, 255 - 25 * label)
        Image.new("RGB", (20, 20), colour).save(folder / "pictures" / f"class{label}" / "one.png")
    done = run(
        "export-network", "latest", "--pick", "fastest-within", "0%", "-o", "recalibrated",
        "--images", "pictures", "--formats", "config", "--skip-latency", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "statistics from 10 images of pictures" in done.output
    net, config = supernets.load(f"{folder}/wide.py:Wide"), {"width": 16}
    validated = ImageFolder(net=net, folder=folder / "pictures").finished(config).state_dict()
    written = supernets.load(str(folder / "recalibrated")).build(config).state_dict()
    built = net.build(config).state_dict()
    assert all(torch.equal(validated[key], each) for key, each in written.items())
    assert not torch.equal(built["1.running_mean"], written["1.running_mean"])


def test_a_sub_network_is_written_by_its_id_alone(run: Run, folder: Path):
    with db.connect(folder / "latency.duckdb", read_only=True) as store:
        subnet_id = str(store.query("SELECT subnet_id FROM subnet LIMIT 1")["subnet_id"][0])
    done = run(
        "export-network", "--id", subnet_id, "-o", "one", "--formats", "config",
        "--skip-latency", "--json", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["subnet_id"] == subnet_id
    assert json.loads(done.output)["search_id"] is None


@pytest.mark.parametrize("factor", [1000, 0.001])
def test_a_latency_that_is_not_the_stored_one_is_no_success(run: Run, folder: Path, factor: float):
    """Slower is as suspicious as faster."""
    shutil.copy(folder / "latency.duckdb", folder / "other.duckdb")
    with duckdb.connect(str(folder / "other.duckdb")) as file:
        file.execute("UPDATE newest SET value = value * ?", [factor])
    arguments = ["latest", "--pick", "fastest-within", "100%", "-o", "other", "--formats", "config"]
    done = run("--store", "other.duckdb", "export-network", *arguments, *QUICK, "--tolerance", "90")
    assert isinstance(done.exception, MeasurementError)
    assert "Nothing was written" in str(done.exception)
    assert not (folder / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["latest", "--id", "zzz"], "must have an id that starts with 'zzz'"),
        (["--id", "zzz"], "No subnet id starts with 'zzz'"),
        (["latest", "--pick", "fastest-within", "1%", "--supernet", "ofa_resnet50"], "is not one"),
        (["latest", "--pick", "fastest-within", "1%", "-o", "wide.py"], "exists already"),
    ],
)
def test_what_cannot_be_exported_is_said(run: Run, arguments: list[str], message: str):
    done = run("export-network", "-o", "never", *QUICK, *arguments)
    assert isinstance(done.exception, LatbaseError)
    assert message in str(done.exception)
    assert not Path("never").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["latest"], "choose one of --pick and --id"),
        (["--pick", "fastest-within", "1%"], "--pick needs the search"),
        (["latest", "--pick", "fastest-within", "little"], "'little' is no share"),
        (["--id", "a", "--formats", "config,pickle"], "there is no format pickle"),
    ],
)
def test_a_wrong_command_line_is_said(run: Run, arguments: list[str], message: str):
    done = run("export-network", "-o", "never", *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_a_directory_is_replaced_only_by_force_and_when_all_is_done(tmp_path: Path):
    target = tmp_path / "net"
    target.mkdir()
    (target / SUBNET_FILE).write_text("old")
    with pytest.raises(InvalidInputError, match="--force"), new_folder(target, force=False):
        pass
    with pytest.raises(ZeroDivisionError), new_folder(target, force=True) as draft:
        (draft / "new").write_text(str(1 // 0))
    assert (target / SUBNET_FILE).read_text() == "old"
    with new_folder(target, force=True) as draft:
        (draft / "new").touch()
    assert [each.name for each in target.iterdir()] == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["net"]


def test_only_an_export_is_replaced_by_force(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("mine", "store", "above/here"):
        (folder / name).mkdir(parents=True)
    (folder / "mine" / "thesis.txt").touch()
    (folder / "store" / SUBNET_FILE).touch()  # an export, but for the store
    shutil.copy(folder / "latency.duckdb", folder / "store")
    monkeypatch.chdir(folder / "above" / "here")
    store = folder / "store" / "latency.duckdb"
    for target, message in (
        (folder / "mine", "thesis.txt would be lost"),
        (folder / "wide.py", "wide.py would be lost"),
        (store.parent, "latency.duckdb would be lost"),
        (Path(), "is where you are"),
        (Path(".."), "or above it"),
    ):
        before = sorted(target.resolve().rglob("*"))
        done = run(
            "--store", str(store), "export-network", "latest", "--pick", "fastest-within", "1%",
            "-o", str(target), "--force", "--formats", "config", "--skip-latency", *QUICK,
            "--supernet", f"{folder}/wide.py:Wide",
        )  # fmt: skip
        assert isinstance(done.exception, InvalidInputError)
        assert message in str(done.exception)
        assert sorted(target.resolve().rglob("*")) == before


def test_what_was_put_in_meanwhile_is_kept(tmp_path: Path):
    mine, target = tmp_path / "mine", tmp_path / "net"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    with (
        pytest.raises(InvalidInputError, match=r"thesis\.txt would be lost"),
        new_folder(target, force=True),
    ):
        shutil.copytree(mine, target)
    assert [each.name for each in target.iterdir()] == ["thesis.txt"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path):
    with (
        pytest.raises(click.FileError, match="No space left on device"),
        new_folder(tmp_path / "net", force=False),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_place_that_does_not_exist_is_one_sentence(tmp_path: Path):
    with (
        pytest.raises(InvalidInputError, match="missing does not exist; make it first"),
        new_folder(tmp_path / "missing" / "net", force=False),
    ):
        pass
