"""``python -m latbase`` is ``latbase``."""

from latbase.cli.main import run

run()
