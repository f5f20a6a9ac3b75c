"""The predictor command: how well latency can be predicted from what was measured."""

import click

from latbase.cli.opening import open_store
from latbase.cli.output import Output, note, output_options, progress, show
from latbase.settings import Settings


@click.command(epilog="Example: latbase predictor ofa_mbv3_d234_e346_k357_w1.0")
@click.argument("supernet")
@click.option("--config", "prefix", metavar="ID", help="Only this configuration.")
@click.option("--metric", default="latency_ms", show_default=True)
@click.option("--kind", default="ridge", show_default=True, help="ridge, gp, … or auto.")
@output_options
@click.pass_obj
def predictor(
    settings: Settings, supernet: str, prefix: str | None, metric: str, kind: str, output: Output
) -> None:
    """Fit a predictor per configuration and show its scores on held-out sub-networks.

    tau is Kendall's rank correlation (1 is a perfect ranking), mape the mean absolute error in
    percent; both are on sub-networks the predictor did not see (five folds).
    """
    import pyarrow as pa

    from latbase import supernets
    from latbase.db import queries
    from latbase.errors import UnknownNameError
    from latbase.searcher import catalogue
    from latbase.searcher.evaluation import METRICS

    if metric not in METRICS:
        raise UnknownNameError(f"There is no metric {metric!r}; there are {', '.join(METRICS)}.")
    network = supernets.load(supernet)
    with open_store(settings) as store:
        chosen = (
            [queries.configuration_id(store, prefix)]
            if prefix
            else queries.configurations(store)["configuration_id"].to_pylist()
        )
        rows = []
        with progress("fitting", len(chosen)) as advance:
            for done, configuration in enumerate(chosen, start=1):
                data = catalogue.training_data(store, network, configuration, metric)
                if len(data.values) < catalogue.LEAST_ROWS:
                    note(
                        f"{configuration}: {len(data.values)} sub-networks measured, at least "
                        f"{catalogue.LEAST_ROWS} are needed."
                    )
                else:
                    rows.append(catalogue.assess(store, data, kind))
                advance(done)
    table = pa.Table.from_pylist(
        [
            {
                "configuration_id": row.configuration_id,
                "metric": row.metric,
                "kind": row.kind,
                "n_train": row.n_train,
                "tau": row.kendall_tau,
                "mape_percent": row.mape_percent,
            }
            for row in rows
        ]
    )
    show(table, output, empty=f"Too little is measured of {supernet}; run latbase profile.")
