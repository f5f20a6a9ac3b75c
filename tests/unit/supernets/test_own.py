"""A user's own class: what follows from it, and what is said when it is wrong."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from latbase.cli.failures import exit_with_status
from latbase.errors import InvalidInputError, SupernetError
from latbase.supernets import Cost, Parameter, SearchSpace, check, load
from latbase.supernets.accuracy.recorded import read_table
from latbase.supernets.own import OwnSupernet


class Layers:
    """Right in every way; what follows are its mistaken children."""

    parameters: Any = {"width": (4, 8), "depth": (1, 2)}  # noqa: RUF012 - as a user writes it
    input_shape: Any = (3, 8, 8)

    def build(self, config):
        torch.manual_seed(0)
        width, layers = 3, []
        for _ in range(config["depth"]):
            layers += [nn.Conv2d(width, config["width"], 3, padding=1), nn.ReLU()]
            width = config["width"]
        return nn.Sequential(*layers)

    def evaluate(self, config):
        return 60.0 + config["width"] + config["depth"]


def test_a_right_class_passes():
    said = check(OwnSupernet(Layers()))
    assert said[0] == "Layers: 2 parameters, 4 sub-networks."
    assert said[-1] == "top1 of the smallest sub-network: 65 (validated)."


def test_networks_come_in_eval_mode_and_inputs_from_the_shape():
    net = OwnSupernet(Layers())
    assert not net.build({"width": 4, "depth": 1}).training
    (images,) = net.inputs(2)
    assert images.shape == (2, 3, 8, 8)
    assert net.inputs(1, 16)[0].shape == (1, 3, 16, 16)
    assert torch.equal(images, net.inputs(2)[0])
    assert not torch.equal(images, net.inputs(2, seed=1)[0])


def test_finish_makes_what_is_validated_and_taken_away():
    class Flat(Layers):
        def finish(self, network):
            return nn.Sequential(network, nn.Flatten())

    class Forgetful(Layers):
        def finish(self, network):
            network.eval()

    config = {"width": 4, "depth": 1}
    net = OwnSupernet(Flat())
    assert net.finished(config)(*net.inputs(2)).shape == (2, 4 * 8 * 8)
    assert net.build(config)(*net.inputs(2)).shape == (2, 4, 8, 8)
    with pytest.raises(SupernetError, match="returned a NoneType from finish"):
        OwnSupernet(Forgetful()).finished(config)


def test_costs_are_counted_where_the_class_does_not_say():
    net = OwnSupernet(Layers())
    first, second = 3 * 4 * 9, 4 * 4 * 9
    cost = Cost(macs=(first + second) * 64, params=first + second + 8)
    assert net.cost({"width": 4, "depth": 2}) == cost
    assert net.cost({"width": 4, "depth": 2}, 16).macs == 4 * cost.macs
    assert net.appraisers["macs"]({"width": 4, "depth": 2}) == cost.macs


def test_its_own_costs_are_taken():
    class Costly(Layers):
        def cost(self, config):
            return config["width"], 7

    net = OwnSupernet(Costly())
    np.testing.assert_array_equal(net.costs(net.space.largest()), [[8, 7]])
    assert "macs" not in net.appraisers


def test_evaluations_are_labelled_and_depend_on_what_the_class_says():
    class Two(Layers):
        objectives = ("top1", "bytes")
        evaluated_on = {"images": "test"}  # noqa: RUF012 - as a user writes it

        def evaluate(self, config):
            return {"top1": 50.0, "bytes": config["width"]}

    appraisers = OwnSupernet(Two()).appraisers
    assert appraisers["bytes"]({"width": 8, "depth": 1}) == 8
    assert appraisers["bytes"].label == "validated"
    assert dict(appraisers["top1"].conditions or {})["evaluated_on"] == {"images": "test"}


def test_parameters_may_control_each_other():
    class Controlled(Layers):
        parameters = (Parameter("depth", (1, 2)), Parameter("width", (4, 8), "depth", (2,)))

    assert OwnSupernet(Controlled()).space.size == 3


MISTAKES = [
    ({"parameters": None}, r"class Wrong \(test_own.py\) has parameters = None; give names"),
    ({"parameters": {}}, "A space needs parameters"),
    ({"parameters": {"width": ()}}, "Parameter width has the values .*give 1 to 127"),
    ({"parameters": {"width": ([1, 2], [3])}}, r"value \[1, 2\]; values are numbers or text"),
    ({"parameters": {"width": "abc"}}, "give a tuple of them"),
    ({"parameters": {"width": 8}}, "give a tuple of them"),
    ({"parameters": {"width": (4, float("nan"))}}, "value nan"),
    ({"input_shape": None}, "give the shape of one item"),
    ({"input_shape": 32}, "give the shape of one item"),
    ({"input_shape": (3, 0, 8)}, "give the shape of one item"),
    ({"default_input_size": -4}, "has default_input_size = -4; give a whole number from 1 on"),
    ({"name": ""}, "has name = ''; give it a text"),
    ({"objectives": "top1"}, "has objectives = 'top1'; give the names"),
    ({"objectives": ()}, "give the names of what evaluate returns"),
    ({"table": "gone.csv"}, "has an unfit table: .*gone.csv cannot be read"),
]


@pytest.mark.parametrize(("attributes", "message"), MISTAKES)
def test_a_mistaken_declaration_is_refused(attributes, message):
    wrong = type("Wrong", (Layers,), attributes | {"__module__": __name__})
    with pytest.raises(SupernetError, match=message):
        OwnSupernet(wrong())


def grown(*_):
    """A build that differs from call to call."""
    return nn.Conv2d(3, 4, 3)


def fail(said: str) -> None:
    """Raise within an expression."""
    raise ValueError(said)


METHODS = [
    ("build", lambda _self, config: config["height"], "failed in build.*KeyError: 'height'"),
    ("build", lambda _self, _config: "network", "returned a str from build"),
    ("build", grown, "two builds of it give different outputs.*manual_seed"),
    ("build", lambda *_: nn.Conv2d(5, 4, 3), r"fails on inputs of shape \(1, 3, 8, 8\)"),
    ("build", lambda *_: nn.Flatten(0), "let the first axis be the batch"),
    ("build", lambda *_: nn.Sequential(nn.Hardtanh(float("nan"), float("nan"))), "not finite"),
    ("build", lambda *_: nn.LSTM(8, 4).double(), "fails on inputs"),
    ("cost", lambda *_: 3, "returned 3 from cost; return whole numbers"),
    ("cost", lambda *_: (1.5, 2), r"returned \(1.5, 2\) from cost"),
    ("cost", lambda *_: (-5, 2), r"returned \(-5, 2\) from cost"),
    ("cost", lambda *_: (2**70, 2), "from cost; return whole numbers"),
    ("cost", lambda *_: 1 / 0, "failed in cost.*ZeroDivisionError"),
    ("inputs", lambda *_: "text", "returned 'text' from inputs; return a torch.Tensor"),
    ("finish", lambda *_: None, "returned a NoneType from finish"),
    ("cost", lambda *_: (1, 1), "cost says 1 macs, its network has"),
    ("evaluate", lambda *_: {"accuracy": 1}, "return a finite number for each .*: top1"),
    ("evaluate", lambda *_: float("inf"), "return a finite number"),
    ("evaluate", lambda *_: sys.exit(3), "failed in evaluate.*SystemExit: 3"),
    ("evaluate", lambda *_: fail("two\nlines"), "with ValueError: two lines; repair it"),
    ("evaluated_on", {1, 2}, "has evaluated_on = {1, 2}; give finite numbers and text"),
    ("evaluate", lambda *_: 1 / 0, "failed in evaluate.*ZeroDivisionError"),
]


@pytest.mark.parametrize(("name", "method", "message"), METHODS)
def test_a_mistaken_method_is_found_by_checking(name, method, message):
    wrong = type("Wrong", (Layers,), {name: method, "__module__": __name__})
    with pytest.raises(SupernetError, match=f"Wrong.*{message}"):
        check(OwnSupernet(wrong()))


def test_a_mistake_ends_a_command_with_one_line_and_the_status_of_wrong_input(capsys):
    wrong = type("Wrong", (Layers,), {"build": lambda *_: None, "__module__": __name__})
    with pytest.raises(SystemExit) as ended:
        exit_with_status(lambda: check(OwnSupernet(wrong())))
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_sizes_that_a_shape_does_not_determine_are_refused():
    class Flat(Layers):
        input_shape = (12,)

    with pytest.raises(
        SupernetError, match=r"does not say what inputs of size 9 are; define inputs"
    ):
        OwnSupernet(Flat()).inputs(1, 9)


def test_a_class_may_make_its_own_inputs():
    class Tokens(Layers):
        default_input_size = 5

        def inputs(self, batch_size, input_size, seed):
            return torch.full((batch_size, input_size), seed)

    assert OwnSupernet(Tokens()).inputs(2, seed=3)[0].tolist() == [[3] * 5] * 2


TABLE = "depth,width,top1,ms\n1,4,60.5,1.0\n2,4,61,1.5\n1,8,,2\n"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    (tmp_path / "values.csv").write_text(TABLE)
    (tmp_path / "space.py").write_text(
        "class Recorded:\n"
        "    parameters = {'width': (4, 8), 'depth': (1, 2)}\n"
        "    table = 'values.csv'\n"
    )
    return tmp_path


def test_a_table_gives_its_columns_labelled_recorded(recorded: Path):
    net = load(f"{recorded}/space.py:Recorded")
    assert set(net.appraisers) == {"top1", "ms"}
    assert net.appraisers["top1"].label == "recorded"
    assert net.appraisers["top1"]({"width": 4, "depth": 2}) == 61
    assert np.isnan(net.appraisers["top1"]({"width": 8, "depth": 1}))  # an empty cell
    assert np.isnan(net.appraisers["ms"]({"width": 8, "depth": 2}))  # no row
    assert "ms of the smallest sub-network: 1 (recorded)." in check(net)
    with pytest.raises(SupernetError, match="has no build"):
        net.build({"width": 4, "depth": 1})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("width,top1\n4,60\n", "no column for depth; it has width, top1"),
        ("depth,width\n1,4\n", "no column besides the parameters"),
        ("depth,width,top1\n3,4,60\n", "values.csv, line 2: depth cannot be 3"),
        ("depth,width,top1\n1,4,60\n,4,61\n", "values.csv, line 3: depth is empty; give one of"),
        ("depth,width,top1\n1,4,60\n1,4,61\n", "csv, line 2, .*csv, line 3 are the same sub-net"),
        ("depth,width,top1\n1,4,60\n1,8,-inf\n", "values.csv, line 3: top1 is -inf; give a finite"),
        ("depth,width,top-1 acc\n1,4,60\n", "csv: nobody can ask for the objective 'top-1 acc'"),
        ("depth,width,top1\n1,4,good\n", "column top1 is not numeric"),
    ],
)
def test_an_unfit_table_is_refused(recorded: Path, table: str, message: str):
    (recorded / "values.csv").write_text(table)
    with pytest.raises(SupernetError, match=f"class Recorded .*{message}"):
        load(f"{recorded}/space.py:Recorded")


def test_what_is_inactive_may_be_empty(tmp_path: Path):
    """Also where a column of text has it."""
    inner = Parameter("inner", ("skip", "conv"), "depth", (2,))
    space = SearchSpace([Parameter("depth", (1, 2)), inner])
    (tmp_path / "values.csv").write_text("depth,inner,top1\n1,,60\n2,conv,70\n")
    top1 = read_table(tmp_path / "values.csv", space)["top1"]
    assert top1({"depth": 1, "inner": "conv"}) == 60
    assert np.isnan(top1({"depth": 2, "inner": "skip"}))
    pq.write_table(pa.table({"depth": [2], "inner": [None], "top1": [9]}), tmp_path / "v.parquet")
    with pytest.raises(InvalidInputError, match=r"v\.parquet, row 0: inner is empty"):
        read_table(tmp_path / "v.parquet", space)


def test_two_files_of_one_name_stay_apart(tmp_path: Path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(
            "class Mine:\n"
            f"    parameters = {{'{folder}': (1, 2)}}\n"
            "    input_shape = (3,)\n"
            "    def build(self, config): ...\n"
        )
    nets = [load(f"{tmp_path}/{folder}/mine.py:Mine") for folder in ("one", "two")]
    assert [net.space.parameters[0].name for net in nets] == ["one", "two"]
