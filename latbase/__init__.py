"""latbase: sub-network latencies measured on every machine, kept, and searched."""

__version__ = "0.1.0"
