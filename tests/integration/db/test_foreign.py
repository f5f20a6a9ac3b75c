"""Results of other tools become recorded evaluations and measurements."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from latbase import supernets
from latbase.db import connect, foreign, queries, upkeep
from latbase.errors import InvalidInputError

DYNAST = """Sub-network,Date,Model Parameters,Latency (ms), MACs,Top-1 Acc (%)
"{'wid': None, 'ks': [3, 5], 'd': [2], 'r': [224]}",2022-01-01,5,10.5,100,75.5
"{'wid': None, 'ks': [5, 5], 'd': [3], 'r': [224]}",2022-01-01,6,11.5,120,76.5
"""

Genotypes = npt.NDArray[np.int8]


class ToySpace:
    """Two kernel sizes and a depth."""

    def smallest(self) -> Genotypes:
        return np.zeros((1, 3), dtype=np.int8)

    def canonical(self, g: Genotypes, /) -> Genotypes:
        return g

    def to_configs(self, g: Genotypes, /) -> list[dict[str, object]]:
        return [{"ks": [3 + 2 * row[0], 3 + 2 * row[1]], "d": [2 + row[2]]} for row in g.tolist()]

    def from_configs(self, configs: Sequence[Mapping[str, object]], /) -> Genotypes:
        rows = []
        for config in configs:
            kernels, depth = config.get("ks"), config.get("d")
            if not isinstance(kernels, list) or not isinstance(depth, list):
                raise InvalidInputError(f"found the keys {list(config)}; expected ks and d.")
            rows.append([(kernels[0] - 3) // 2, (kernels[1] - 3) // 2, depth[0] - 2])
        return np.array(rows, dtype=np.int8)

    def definition(self) -> dict[str, object]:
        return {"parameters": ["ks", "ks", "d"]}


class Toy:
    name = "toy"
    default_input_size = 16
    space = ToySpace()


def test_a_dynast_file_becomes_a_recorded_search(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(DYNAST)
    with connect(":memory:") as store:
        for _ in range(2):
            store.write(foreign.read_dynast(path, Toy()))
        search = queries.search(store, "latest")
        stored = queries.evaluations(store, search.search_id)
        assert [o["name"] for o in search.objectives] == ["params", "latency_ms", "macs", "top1"]
        assert [e.values for e in stored] == [(5, 10.5, 100, 75.5), (6, 11.5, 120, 76.5)]
        assert {source for e in stored for source in e.sources} == {"recorded"}
        assert upkeep.check(store) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no DyNAS-T result file: it has the columns a, b"),
        ("Sub-network,MACs\n__import__('os'),3\n", "cannot be read"),
        ("Sub-network,MACs\n{'depth': 1},3\n", "not of toy"),
        ("Sub-network,MACs\n\"{'ks': [3, 3], 'd': [2]}\",many\n", "cannot be read"),
        ("", "cannot be read as CSV: it is empty"),
        (f"{DYNAST}{{'ks': [3, 5], 'd': [2]}},2022", "line 4, cannot be read: it ends before"),
        (f"{DYNAST}\"{{'ks': [3, 5], 'd'", r"line 4, cannot be read: it ends before date\."),
        (f"{DYNAST}{'x' * 200_000}", r"line 4, cannot be read as CSV: field larger .*\.$"),
        (f"{DYNAST}None,,5,10.5,100,75", "line 4, has the sub-network None; expected parameters"),
        (f"{DYNAST}1,,5,10.5,100,75", "line 4, has the sub-network 1; expected parameters"),
        (
            f"{DYNAST}\"{{'ks': [{{}}, 3], 'd': [2]}}\",,5,10.5,100,75",
            "line 4, names a sub-network that is not of toy",
        ),
        (f"{DYNAST}{'[' * 5000},,5,10.5,100,75", "line 4, cannot be read: "),
    ],
)
def test_what_is_no_dynast_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=words):
        foreign.read_dynast(path, Toy())


def test_a_csv_of_latencies_becomes_measurements(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(
        'kernels,depth,seconds\n"[3, 5]",[2],0.010\n"[5, 5]",[3],0.012\n"[3, 3]",[2],\n'
    )
    columns = foreign.LatencyColumns(
        latency="seconds", config={"ks": "kernels", "d": "depth"}, unit_ms=1000
    )
    with connect(":memory:") as store:
        for _ in range(2):
            store.write(foreign.read_latencies(path, Toy(), columns, device_name="phone"))
        rows = store.query("FROM latency ORDER BY latency_ms").to_pylist()
        assert [row["latency_ms"] for row in rows] == [10.0, 12.0]
        assert {row["verdict"] for row in rows} == {"unstable"}
        assert upkeep.check(store) == []


def test_one_table_counts_for_every_device_and_batch_and_a_right_unit_corrects_a_wrong_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "table.csv"
    path.write_text('kernels,depth,time\n"[3, 5]",[2],0.8\n')
    with connect(":memory:") as store:

        def take(name: str, batch_size: int, unit_ms: float) -> None:
            columns = foreign.LatencyColumns(
                latency="time", config={"ks": "kernels", "d": "depth"}, unit_ms=unit_ms
            )
            store.write(
                foreign.read_latencies(
                    path, Toy(), columns, device_name=name, batch_size=batch_size
                )
            )

        for name, batch_size in (("A", 1), ("B", 1), ("B", 8)):
            take(name, batch_size, 1.0)
        assert store.query("FROM latency").num_rows == 3
        for _ in range(2):
            take("B", 8, 1000.0)
        rows = store.query(
            "SELECT batch_size, latency_ms, input_size FROM latency "
            "JOIN configuration USING (configuration_id) ORDER BY ALL"
        )
        assert [tuple(row.values()) for row in rows.to_pylist()] == [
            (1, 0.8, 16),
            (1, 0.8, 16),
            (8, 800.0, 16),
        ]
        assert store.query("FROM measurement").num_rows == 4


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("kernels,ms\n[3],1\n")
    columns = foreign.LatencyColumns(latency="latency", config={"ks": "kernels"})
    with pytest.raises(InvalidInputError, match="no column latency; it has kernels, ms"):
        foreign.read_latencies(path, Toy(), columns, device_name="phone")


def test_published_latencies_are_read_whole(shared_data: Path) -> None:
    net = supernets.load("ofa_mbv3_d234_e346_k357_w1.2")
    columns = foreign.LatencyColumns(latency="v100_32_ms", config={"ks": "ks", "e": "e", "d": "d"})
    records = foreign.read_latencies(
        shared_data / "ofa_mbv3_latency.parquet", net, columns, device_name="V100", batch_size=32
    )
    with connect(":memory:") as store:
        store.write(records)
        (row,) = store.query("FROM coverage").to_pylist()
    assert row["measurements"] == 5000


@pytest.mark.parametrize("latency", ["-3", "0", "inf", "fast"])
def test_what_is_no_latency_is_refused(tmp_path: Path, latency: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f'config,ms\n"{{""ks"": [3, 3], ""d"": [2]}}",{latency}\n')
    columns = foreign.LatencyColumns(latency="ms", config={"": "config"})
    with pytest.raises(InvalidInputError, match=r"has the latency .*expected a positive number"):
        foreign.read_latencies(path, Toy(), columns, device_name="phone")


@pytest.mark.parametrize("unit_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_unit_is_refused(tmp_path: Path, unit_ms: float) -> None:
    columns = foreign.LatencyColumns(latency="ms", config={"": "config"}, unit_ms=unit_ms)
    with pytest.raises(InvalidInputError, match=r"makes no latencies; expected a positive number"):
        foreign.read_latencies(tmp_path / "table.csv", Toy(), columns, device_name="phone")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("3", "row 2, has the sub-network 3; expected parameters"),
        ("{ks: 3", "row 2, cannot be read: "),
        ('"{""ks"": [{}, 3], ""d"": [2]}"', "row 2, names a sub-network that is not of toy"),
    ],
)
def test_a_row_of_no_sub_network_is_named(tmp_path: Path, cell: str, words: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f'config,ms\n"{{""ks"": [3, 3], ""d"": [2]}}",1\n{cell},1\n')
    columns = foreign.LatencyColumns(latency="ms", config={"": "config"})
    with pytest.raises(InvalidInputError, match=words):
        foreign.read_latencies(path, Toy(), columns, device_name="phone")
