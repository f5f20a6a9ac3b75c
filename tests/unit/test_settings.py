"""Defaults < configuration file < environment < flags."""

from pathlib import Path

import pytest

from latbase import settings
from latbase.errors import InvalidInputError


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"

    def write(text):
        path.write_text(text)
        return {"LATBASE_CONFIG": str(path)}

    return write


def test_each_level_overrides_the_one_below(config):
    environ = config('store = "from-file"\nstate_dir = "/spool"')
    assert settings.load(environ=environ).store == "from-file"
    environ["LATBASE_STORE"] = "from-environment"
    assert settings.load(environ=environ).store == "from-environment"
    chosen = settings.load(environ=environ, store="from-flag", token_file=Path("t"))
    assert (chosen.store, chosen.token_file) == ("from-flag", Path("t"))
    assert chosen.state_dir == Path("/spool")


def test_without_configuration_the_defaults_hold(config):
    assert settings.load(environ=config("")) == settings.defaults()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("store = ", "cannot be read as TOML"),
        ('shop = "x"', "unknown keys shop; it may set store, token_file, certificate, state_dir"),
        ("store = 3", "store must be text in quotes"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(config, text, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        settings.load(environ=config(text))


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist"):
        settings.load(environ={"LATBASE_CONFIG": str(tmp_path / "none.toml")})
