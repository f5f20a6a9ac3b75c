"""Where values come from that no hardware decides: validation, records, counting, proxies."""

from collections.abc import Mapping
from typing import Protocol

Config = Mapping[str, object]


class Appraiser(Protocol):
    """Gives the values of one objective, one sub-network at a time."""

    @property
    def label(self) -> str:
        """How values are labelled wherever they are shown, e.g. ``validated`` or ``recorded``."""

    @property
    def conditions(self) -> Mapping[str, object] | None:
        """What the values depend on besides the sub-network, as JSON values.

        Values are kept and found again under it; None: they are cheaper to get than to keep.
        """

    def __call__(self, config: Config) -> float:
        """Return the value of the sub-network of a canonical ``config``; NaN: there is none."""
