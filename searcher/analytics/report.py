"""The figures and facts that follow the front on a search's report."""

import base64
import html
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from latbase.errors import LatbaseError
from latbase.searcher.analytics import clusters, hypervolume, learning, parameters, progression
from latbase.searcher.catalogue import training_data
from latbase.searcher.evaluation import METRICS
from latbase.searcher.popdb import constrain, frequencies
from latbase.searcher.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latbase.db import Store
    from latbase.supernets import Supernet


def appendix(
    store: "Store", network: "Supernet", search: Results, *, normalised: bool = False
) -> str:
    """Return as HTML how the search went, what its front prefers and how it can be made again.

    A figure that the search is too short for is replaced by the sentence that says so.

    Args:
        store: where the search is.
        network: what it searched.
        search: what it found, already normalised if it shall be.
        normalised: show predictions as shares of the measured range too.
    """
    parts = []
    for heading, made in _figures(store, network, search, normalised=normalised):
        shown = f"<p>{html.escape(made)}</p>" if isinstance(made, str) else _image(made, heading)
        parts.append(f"<h2>{html.escape(heading)}</h2>{shown}")
    return "".join([*parts, "<h2>Recipe</h2>", _recipe(search)])


def _figures(
    store: "Store", network: "Supernet", search: Results, *, normalised: bool
) -> "Iterator[tuple[str, Figure | str]]":
    space = network.space
    yield "Progression", progression.draw(search)
    try:
        yield "Hypervolume", hypervolume.draw(hypervolume.growths([search]))
    except LatbaseError as error:
        yield "Hypervolume", str(error)
    chosen = space.from_configs([member["config"] for member in search.members()])
    shares = parameters.shares(space, frequencies(space, chosen))
    yield "Values on the front", parameters.draw(shares, f"{len(chosen)} sub-networks")
    try:
        evaluated = space.from_configs(search.configs)
        reduced = constrain(space, evaluated)
        shares = parameters.shares(space, reduced.frequencies)
        title = f"{reduced.clusters} clusters, {reduced.noise} sub-networks in none"
        yield "Values in dense regions (PopDB)", parameters.draw(shares, title)
        where = clusters.plane(space, evaluated)
        yield "Dense regions", clusters.draw(where, reduced.labels, title)
    except LatbaseError as error:
        yield "Values in dense regions (PopDB)", str(error)
    place = search.record.configuration_id
    for facts in search.record.objectives:
        if facts["name"] in METRICS and place is not None:
            metric = str(facts["name"])
            heading = f"Predictor of {metric}"
            try:
                found = learning.learning(training_data(store, network, place, metric))
                yield heading, learning.draw(found, network.name, normalised=normalised)
            except LatbaseError as error:
                yield heading, str(error)


def _image(figure: "Figure", heading: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{html.escape(heading)}" src="data:image/svg+xml;base64,{data}">'


def _recipe(search: Results) -> str:
    record = search.record
    facts = {
        "search": record.search_id,
        "supernet": search.supernet,
        "configuration": record.configuration_id,
        "tactic": record.tactic,
        "seed": record.seed,
        "created": record.created_at.isoformat(timespec="seconds"),
        "status": record.status.value,
        **record.options,
    }
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{html.escape(_text(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table>{rows}</table>"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
