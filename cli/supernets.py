"""The supernets command."""

import click

from latbase.cli.output import Output, output_options, show


@click.command(epilog="Example: latbase supernets")
@output_options
def supernets(output: Output) -> None:
    """List the supernets that can be profiled and searched."""
    import pyarrow as pa

    from latbase.supernets import load, names

    rows = []
    for name in names():
        net = load(name)
        smallest, largest = (
            net.cost(net.space.to_configs(genotype)[0])
            for genotype in (net.space.smallest(), net.space.largest())
        )
        rows.append(
            {
                "supernet": name,
                "parameters": net.space.p,
                "subnets": f"{net.space.size:.2e}",
                "min_mmacs": round(smallest.macs / 1e6),
                "max_mmacs": round(largest.macs / 1e6),
                "input_size": net.default_input_size,
            }
        )
    show(pa.Table.from_pylist(rows), output)
