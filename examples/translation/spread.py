"""Validate random sub-networks: how far does BLEU spread, compared with its sampling error?

The sampling error is the standard deviation of BLEU over resampled test sets (Koehn, EMNLP 2004).
"""

import argparse
import json
from statistics import mean, stdev

from sacrebleu.metrics.bleu import BLEU
from supernet import Numbers

from latbase.supernets.accuracy.bleu import Bleu
from latbase.supernets.accuracy.vocabulary import read_lines

RESAMPLED = 200
HALF_WIDTH = 1.96
"""Standard deviations in half a 95 % interval."""


def main() -> None:
    """Print the values and what they amount to."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--networks", type=int, default=30)
    count = options.parse_args().networks
    net = Numbers()
    space = net.space
    (smallest,), (largest,) = (
        space.to_configs(each) for each in (space.smallest(), space.largest())
    )
    for name, config in (("smallest", smallest), ("largest", largest)):
        value, error = validated(net.bleu, config)
        print(f"{name}: BLEU {value:.1f}, sampling error {error:.2f}", flush=True)
    found = [validated(net.bleu, config) for config in space.to_configs(space.sample(count, 0))]
    values, errors = zip(*found, strict=True)
    spread, error = stdev(values), mean(errors)
    print(f"{count} random: {' '.join(f'{value:.1f}' for value in sorted(values))}")
    print(f"mean {mean(values):.1f}, spread {spread:.2f}, sampling error {error:.2f}")
    print(f"The spread is {spread / error:.1f} times the sampling error.")


def validated(bleu: Bleu, config: dict[str, object]) -> tuple[float, float]:
    """Return the BLEU of a sub-network and its sampling error."""
    references = [read_lines(bleu.target)]
    metric = BLEU()
    score = metric.corpus_score(bleu.translations(config), references, n_bootstrap=RESAMPLED)
    facts = json.loads(score.format(4, signature=str(metric.get_signature()), is_json=True))
    return score.score, facts["confidence_var"] / HALF_WIDTH


if __name__ == "__main__":
    main()
