"""Run a search whose latencies are measured on this host, or by the daemons of others."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from latbase.cli.here import Here
from latbase.cli.output import note, progress
from latbase.db.networks import subnets_of, supernet_of
from latbase.profiler.placement import choose_gpu
from latbase.searcher import predicting, recipes, runner
from latbase.searcher.evaluation import (
    METRICS,
    Evaluator,
    Measured,
    Predicted,
    ValueSource,
    value_source,
)
from latbase.searcher.experience import Experience
from latbase.searcher.knowledge import Genotypes
from latbase.searcher.remote import Remote
from latbase.searcher.validation import appraised
from latbase.supernets.supernet import NOTHING_TO_BUILD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latbase.db.records import Configuration
    from latbase.db.records import Search as SearchRecord
    from latbase.searcher.fanning import Fan
    from latbase.searcher.search import Search
    from latbase.supernets import Supernet
    from latbase.supernets.accuracy.image_folder import ImageFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """The user's images, and the weights to validate on them.

    Attributes:
        limit: how many images to use; None: all.
        weights: a file, an address or ``pretrained``; None: the supernet's own.
    """

    folder: Path
    limit: int | None
    weights: str | None

    def appraiser(self, here: Here) -> "ImageFolder":
        """Return what validates top-1 on them."""
        from latbase.supernets.accuracy.image_folder import ImageFolder

        network = here.network
        if self.weights is not None:
            network = here.with_weights(self.weights).network
        elif network.published is not None:
            raise click.UsageError(
                f"{network.name} has no trained weights; give some: --weights FILE, or pretrained."
            )
        if here.measuring.device != "cpu":
            choose_gpu(here.fingerprint.gpus, here.measuring.device)  # raises where there is none
        found = ImageFolder(
            net=network, folder=self.folder, limit=self.limit, device=here.measuring.device
        )
        note(f"Validating on {found.conditions['count']} images of {self.folder}.")
        return found


def run_search(
    here: Here,
    recipe: recipes.Recipe,
    configuration: "Configuration",
    *,
    new: bool = False,
    fan: "Fan | None" = None,
    images: ImageOptions | None = None,
) -> "SearchRecord":
    """Run the search of ``recipe`` to its end, continuing it if it was begun before."""
    network, store = here.network, here.store

    def measure(genotypes: Genotypes) -> None:
        if not here.offers(configuration):
            Remote(
                store=store,
                network=network,
                configuration_id=configuration.configuration_id,
                search_id=record.search_id,
                on_event=note,
            )(genotypes)
            return
        done = here.profile(genotypes, configuration, lambda _done: None)
        for failure in done.failures:
            note(f"failed: {failure.reason}")

    def measured(metric: str) -> ValueSource:
        return Measured(
            store=store,
            supernet_id=supernet_of(network).supernet_id,
            configuration_id=configuration.configuration_id,
            metric=metric,
            subnet_ids=lambda g: [subnet.subnet_id for subnet in subnets_of(network, g)],
            measure=measure,
        )

    own = {"top1": images.appraiser(here)} if images else {}
    given = appraised(store, network, recipe.objectives, own, fan)
    names = {objective.name for objective in recipe.objectives}
    usual, asked = network.default_input_size, configuration.input_size
    other_size = None if usual in {asked, NOTHING_TO_BUILD} else asked
    if other_size and "top1" in names:
        note(f"top1 is that of {usual} px, though inputs have {other_size} px here.")
    recipe = replace(
        recipe,
        input_size=other_size if "macs" in names else None,
        appraised={name: each.conditions_id for name, each in given.items()},
        configuration_id=recipe.configuration_id if names & {*METRICS} - {*given} else None,
    )
    # Unknown objectives are refused before anything is written.
    sources = {
        each.name: value_source(each, network, measured, given, recipe.input_size)
        for each in recipe.objectives
    }
    if recipe.configuration_id and here.offers(configuration):
        store.write([here.fingerprint.hardware, configuration])  # the search names them
    record, begun = recipes.open_record(store, network, recipe, new=new)
    make = partial(recipes.make_search, store, network, recipe, record)
    search = make()
    exact = search.problem.knowledge.exact
    sources |= {name: Predicted(predict=exact[name]) for name in recipe.predicted}
    if not begun:
        store.write([supernet_of(network), record])
    else:
        note(f"Continuing the unfinished search {record.search_id[:8]}.")
    _explain(record, network, search)
    recorder = runner.Recorder(store, record, lambda g: subnets_of(network, g))
    with progress("evaluated", recipe.evaluations) as advance:
        runner.run(
            make,
            Evaluator(list(sources.values())),
            recorder,
            evaluations=recipe.evaluations,
            on_progress=advance,
            on_event=note,
        )
    return record


def _explain(record: "SearchRecord", network: "Supernet", search: "Search") -> None:
    """Say what the search takes from others and from the store."""
    if learned := Experience.of(record.options["experience"]).summary:
        note(f"It learns from what the store knows: {learned}.")
    predictors = cast("Mapping[str, Mapping[str, str | float]]", record.options["predictors"])
    for name, facts in predictors.items():
        note(f"{predicting.summary(name, facts)}.")
    if "kept" in record.options:
        before, after = network.space.size, search.problem.space.size
        note(
            f"PopDB keeps {after:.3g} of {before:.3g} sub-networks, by what search "
            f"{record.options['kept_from']} evaluated."
        )
