"""openapi.yaml as schemathesis reads it, against a server: whatever it generates, the answers are as documented."""

import os
from typing import Any

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput

from tests.support.contract import CONTRACT, load_contract
from tests.support.scale import sized

pytestmark = pytest.mark.large

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", sized("10", "30")))
"""Of each operation. `make fuzz` makes more, and others each time; FUZZ_SEED makes them again."""
SEED = int(os.environ.get("FUZZ_SEED", "1"))

CONFIG = schemathesis.Config.from_dict(
    {
        "seed": SEED,
        "generation": {"mode": "all", "max-examples": EXAMPLES, "deterministic": SEED == 1, "database": "none"},
    }
)
schema = schemathesis.openapi.from_path(CONTRACT, config=CONFIG)

Case = schemathesis.Case[Any]
BADGE = "/api/packages/{package}/badge"
CHARTS = {"/api/packages/{package}/chart/{type}", "/embed/{package}/{type}"}

load_all_checks()
positive_data_acceptance = CHECKS.get_one("positive_data_acceptance")


def not_for_us(case: Case, response: schemathesis.Response) -> list[Any]:
    """Checks that do not hold: a 400 is right for dates in the wrong order, for another type's filter of a chart, for
    mirrors beside an origin, and for whatever a badge does not accept if it is strict, which no JSON Schema can say."""
    query = case.query or {}
    start, end = query.get("start_date"), query.get("end_date")
    in_wrong_order = isinstance(start, str) and isinstance(end, str) and start > end
    reasons = [
        *["is after end_date"] * in_wrong_order,
        *["has no such filter"] * (case.operation.path in CHARTS),
        *["is not accepted beside origin"] * ({"mirrors", "origin"} <= query.keys()),
        *["is not accepted"] * (case.operation.path == BADGE and query.get("strict") == "true"),
    ]
    refused_as_such = response.status_code == 400 and any(reason in response.text for reason in reasons)
    return [positive_data_acceptance] if refused_as_such else []


def test_the_file_is_openapi() -> None:
    """By the specification's own schema; `validate` raises."""
    schema.validate()
    without_title = load_contract() | {"info": {"version": "1"}}
    with pytest.raises(jsonschema_rs.ValidationError, match="title"):
        schemathesis.openapi.from_dict(without_title, config=CONFIG).validate()


@schema.parametrize()
def test_every_operation(case: Case, base_url: str) -> None:
    response = case.call(base_url=base_url)
    case.validate_response(response, excluded_checks=not_for_us(case, response))


def test_operations_one_after_the_other(base_url: str) -> None:
    """Along the contract's links: what one answers is asked of the next."""
    reached: set[int] = set()

    class Machine(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"base_url": base_url}

        def step(self, input: StepInput) -> StepOutput:  # noqa: A002
            output: StepOutput = super().step(input)
            if input.transition is not None and input.is_applied:
                reached.add(output.response.status_code)
            return output

        def validate_response(self, response: schemathesis.Response, case: Case, **kwargs: Any) -> None:
            case.validate_response(response, excluded_checks=not_for_us(case, response), transport_kwargs=kwargs)

    Machine.run(
        settings=hypothesis.settings(
            max_examples=EXAMPLES, stateful_step_count=6, derandomize=SEED == 1, deadline=None, database=None
        )
    )
    assert 200 in reached, "no link led to an answer, so nothing was tested"
