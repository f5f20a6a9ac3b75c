"""A page shows the numbers of the front, each beside its own sub-network."""

import json
import re

import numpy as np

from latbase.searcher.analytics.front import FrontView, page, plane

VALUES = np.array([[70.0, 5.0], [76.0, 9.0], [60.0, 8.0], [73.0, 6.5]])
VIEW = FrontView(
    title="A search",
    axes=("top1 (predicted)", "latency_ms (measured)"),
    values=VALUES,
    on_front=np.array([True, True, False, True]),
    configs=tuple({"d": row} for row in range(4)),
    remarks=("It says & shows <this>.",),
)


def test_every_row_of_the_table_is_a_member_with_its_values_fastest_first() -> None:
    rows = re.findall(r"<tr><td>([^<]*)</td><td>([^<]*)</td><td><code>([^<]*)</code>", page(VIEW))
    found = [
        (float(top1), float(latency), json.loads(config.replace("&quot;", '"'))["d"])
        for top1, latency, config in rows
    ]
    assert found == [(70.0, 5.0, 0), (73.0, 6.5, 3), (76.0, 9.0, 1)]


def test_the_plot_has_the_first_objective_upwards_and_the_second_to_the_right() -> None:
    drawn = page(VIEW)
    assert re.findall(r'"x":(\[[^\]]*\]),"y":(\[[^\]]*\])', drawn) == [
        ("[8.0]", "[60.0]"),
        ("[5.0,9.0,6.5]", "[70.0,76.0,73.0]"),
    ]
    x, y, x_label, y_label = plane(VIEW)
    assert (x_label, y_label) == ("latency_ms (measured)", "top1 (predicted)")
    assert x.tolist() == VALUES[:, 1].tolist()
    assert y.tolist() == VALUES[:, 0].tolist()


def test_text_of_the_page_is_escaped() -> None:
    assert "It says &amp; shows &lt;this&gt;." in page(VIEW)
