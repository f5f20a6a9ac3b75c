"""The service keeps to its own description, whatever it is sent, for every role."""

from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from latbase.db import rows, wire
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.service.app import create_app
from latbase.db.tokens import Role
from tests.integration.db.samples import World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 8
ROWS = wire.encode_rows(list(rows.batches(World().base())))

schemathesis.openapi.media_type(
    wire.ARROW,
    st.just(ROWS) | st.binary() | st.integers(0, len(ROWS)).map(lambda end: ROWS[:end]),
)


@pytest.mark.parametrize("role", Role)
def test_every_operation_does_what_is_written(role: Role, tmp_path: Path) -> None:
    with DuckDbStore(tmp_path / "latency.duckdb") as store:
        store.write(World().base())
        bearer = store.tokens.create("t", role).bearer
        api = schemathesis.openapi.from_asgi("/openapi.json", create_app(store))
        tried = 0
        for found in api.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()
            tried += 1

            @hypothesis.settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @hypothesis.seed(0)
            @hypothesis.given(case=operation.as_strategy())
            def ask(case: schemathesis.Case[Any]) -> None:
                case.call_and_validate(headers={"Authorization": f"Bearer {bearer}"}, checks=CHECKS)

            ask()
        assert tried > 12
