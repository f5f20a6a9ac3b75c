"""The built-in spaces: published numbers, and ofa's own supernets as the judge."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from latbase.errors import InvalidInputError
from latbase.supernets import Cost, Supernet
from latbase.supernets.ofa_mobilenet import OfaMobileNetV3, w10

BLOCKS_OF_A_STAGE = 9**2 + 9**3 + 9**4
SIZES = {
    "ofa_mbv3_d234_e346_k357_w1.0": BLOCKS_OF_A_STAGE**5,
    "ofa_mbv3_d234_e346_k357_w1.2": BLOCKS_OF_A_STAGE**5,
    "ofa_proxyless_d234_e346_k357_w1.3": BLOCKS_OF_A_STAGE**5 * 9,
    # d[0] and w[0] have two distinct values, the other five widths three.
    "ofa_resnet50": 2 * 2 * 3**5 * (9 + 27 + 81) ** 3 * (81 + 243 + 729),
}


def test_sizes_count_distinct_sub_networks(net: Supernet) -> None:
    assert net.space.size == SIZES[net.name]


def test_samples_are_valid_distinct_and_coded_both_ways(net: Supernet) -> None:
    g = net.space.sample(2000, seed=7)
    net.space.validate(g)
    assert len(np.unique(g, axis=0)) == 2000
    np.testing.assert_array_equal(net.space.from_configs(net.space.to_configs(g)), g)


def test_a_sample_depends_on_its_seed_alone() -> None:
    script = (
        "from latbase.supernets import load;"
        "print(load('ofa_mbv3_d234_e346_k357_w1.0').space.sample(20, 3).tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1


def test_loading_a_space_leaves_torch_alone() -> None:
    script = (
        "import sys; from latbase.supernets import load;"
        "net = load('ofa_resnet50'); net.costs(net.space.sample(3, 0));"
        "print('torch' in sys.modules or 'duckdb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"


def test_costs_reproduce_every_published_row(mobilenet: Supernet, shared_data: Path) -> None:
    rows = pq.read_table(shared_data / "ofa_mbv3_w10_imagenet_top1.parquet").to_pylist()
    g = mobilenet.space.from_configs([{k: row[k] for k in ("ks", "e", "d")} for row in rows])
    assert mobilenet.costs(g).tolist() == [[row["macs"], row["params"]] for row in rows]


def test_published_latency_rows_are_sub_networks(mobilenet: Supernet, shared_data: Path) -> None:
    table = pq.read_table(shared_data / "ofa_mbv3_latency.parquet", columns=["ks", "e", "d"]).slice(
        0, 500
    )
    configs = table.to_pylist()
    assert mobilenet.space.to_configs(mobilenet.space.from_configs(configs)) == configs


def test_one_cost_agrees_with_many(net: Supernet) -> None:
    g = net.space.sample(5, seed=1)
    for config, (macs, params) in zip(
        net.space.to_configs(g), net.costs(g, 160).tolist(), strict=True
    ):
        assert net.cost(config, 160) == Cost(macs=macs, params=params)


def test_cost_features_add_up_to_the_total(net: Supernet) -> None:
    g = net.space.sample(200, seed=2)
    names, features = net.space.feature_names, net.space.features(g)
    for column, unit in enumerate(("macs", "params")):
        total = features[:, names.index(unit)]
        np.testing.assert_array_equal(total, net.costs(g)[:, column])
        blocks = [n for n in names if n.startswith("block") and n.endswith(unit)]
        stages = {n.split()[1].split(".")[0] for n in blocks}
        for stage in stages:
            parts = [n for n in blocks if n.split()[1].split(".")[0] == stage]
            if len(parts) == 1:
                assert f"stage {stage} {unit}" not in names
                continue
            summed = features[:, [names.index(n) for n in parts]].sum(axis=1)
            np.testing.assert_array_equal(summed, features[:, names.index(f"stage {stage} {unit}")])


def test_costs_ignore_what_is_inactive(net: Supernet) -> None:
    rng = np.random.default_rng(0)
    counts = [len(parameter.values) for parameter in net.space.parameters]
    g = rng.integers(0, counts, (500, net.space.p)).astype(np.int8)
    np.testing.assert_array_equal(net.costs(g), net.costs(net.space.canonical(g)))


def test_an_impossible_input_size_is_refused(mobilenet: Supernet) -> None:
    with pytest.raises(InvalidInputError, match="Input size 0"):
        mobilenet.costs(mobilenet.space.smallest(), 0)


def test_proxyless_writes_the_depth_of_its_last_stage_as_one() -> None:
    from latbase.supernets import load

    space = load("ofa_proxyless_d234_e346_k357_w1.3").space
    config = space.to_configs(space.largest())[0]
    assert config["d"] == [4, 4, 4, 4, 4, 1]
    np.testing.assert_array_equal(space.from_configs([{**config, "d": [4] * 6}]), space.largest())


@pytest.mark.parametrize(("elastic", "size"), [(False, 3**5), (True, (9 + 27 + 81) ** 5)])
def test_compofa_couples_expansion_to_depth(
    mobilenet: OfaMobileNetV3, elastic: bool, size: int
) -> None:
    space = mobilenet.compound_space(elastic_kernels=elastic)
    assert space.size == size
    g = space.sample(50, seed=0)
    parameters = {parameter.name: i for i, parameter in enumerate(space.parameters)}
    for stage in range(5):
        depth = g[:, parameters[f"d[{stage}]"]]
        for block in range(4 * stage, 4 * stage + 4):
            expansion = g[:, parameters[f"e[{block}]"]]
            exists = depth + 2 > block - 4 * stage
            np.testing.assert_array_equal(expansion, np.where(exists, depth, 0))


@pytest.mark.parametrize(
    ("name", "size"),
    [("compofa_mbv3_w1.0", 3**5), ("compofa_mbv3_k357_w1.0", (9 + 27 + 81) ** 5)],
)
def test_compofa_is_a_supernet_whose_sub_networks_are_ofas(
    mobilenet: OfaMobileNetV3, name: str, size: int
) -> None:
    from latbase.supernets import load

    part = load(name)
    assert (part.name, part.space.size, part.published) == (name, size, mobilenet.published)
    g = part.space.sample(20, seed=0)
    assert part.space.to_configs(g) == mobilenet.space.to_configs(g)
    np.testing.assert_array_equal(part.costs(g), mobilenet.costs(g))
    np.testing.assert_allclose(part.predicted_top1(g), mobilenet.predicted_top1(g))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (np.full((1, 45), -1, np.int8), "has -1 for"),
        (np.full((1, 45), 7, np.int8), "has 7 for"),
        (np.zeros(45, np.int8), "genotypes are whole numbers"),
        (np.zeros((2, 44), np.int8), "genotypes are whole numbers"),
        (np.zeros((2, 45)), "genotypes are whole numbers"),
    ],
)
@pytest.mark.parametrize("question", ["costs", "features", "canonical", "active", "to_configs"])
def test_genotypes_that_do_not_exist_are_refused(wrong, sentence, question):
    network = w10()
    ask = network.costs if question == "costs" else getattr(network.space, question)
    with pytest.raises(InvalidInputError, match=sentence):
        ask(wrong)
