"""This host at work on one supernet and one store: what profile, search and quickstart share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latbase import profiler, supernets
from latbase.cli.arguments import Measuring
from latbase.cli.output import note
from latbase.db.records import Configuration
from latbase.settings import Settings
from latbase.supernets import weights

if TYPE_CHECKING:
    from latbase.db import Store
    from latbase.profiler.recording import Profiled
    from latbase.supernets import Supernet

Genotypes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Measures sub-networks of ``network`` on this host into ``store``."""

    settings: Settings
    store: "Store"
    network: "Supernet"
    loads_as: str
    measuring: Measuring
    fingerprint: profiler.Fingerprint

    @classmethod
    def of(cls, settings: Settings, store: "Store", supernet: str, measuring: Measuring) -> "Here":
        """Load the supernet and fingerprint this host."""
        return cls(
            settings=settings,
            store=store,
            network=supernets.load(supernet),
            loads_as=supernet,
            measuring=measuring,
            fingerprint=profiler.fingerprint(settings.state_dir),
        )

    def with_weights(self, name: str) -> "Here":
        """Return the same with trained weights: of a file, an address or ``pretrained``.

        Raises:
            InvalidInputError: there are no such weights, or the supernet takes none.
        """
        kept = self.settings.state_dir / "weights"
        located = weights.located(name, kept, self.network.published)
        return replace(self, network=self.network.with_weights(located))

    def configuration(self, threads: int, batch_size: int) -> Configuration:
        """Return the configuration of this host that the user's options describe.

        Raises:
            InvalidInputError: this host cannot measure on it.
            DeviceError: it has no such device.
        """
        wanted = Configuration.of(
            hardware_id=self.fingerprint.hardware.hardware_id,
            device="cpu" if self.measuring.device == "cpu" else "cuda",
            threads=threads,
            batch_size=batch_size,
            precision=self.measuring.precision,
            engine=self.measuring.engine,
            memory_format=self.measuring.memory_format,
            input_size=self.measuring.input_size or self.network.default_input_size,
        )
        profiler.refuse_impossible(wanted, self.fingerprint, self.measuring.device)
        return wanted

    def offers(self, configuration: Configuration) -> bool:
        """Say whether this host can measure on ``configuration``."""
        return configuration.hardware_id == self.fingerprint.hardware.hardware_id

    def profile(
        self,
        genotypes: Genotypes,
        configuration: Configuration,
        on_progress: Callable[[int], None],
        *,
        again: bool = False,
    ) -> "Profiled":
        """Measure what is missing; ``again`` measures all of it."""
        recorder = profiler.Recorder(
            store=self.store,
            network=self.network,
            fingerprint=self.fingerprint,
            state_dir=self.settings.state_dir,
            protocol=profiler.PRESETS[self.measuring.preset],
            device=self.measuring.device,
            loads_as=self.loads_as,
            on_event=note,
        )
        return recorder.profile(genotypes, configuration, on_progress, again=again)
