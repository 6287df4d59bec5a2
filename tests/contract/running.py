"""Lets schemathesis loose on a share of the operations, and judges what it finds by the table of exclusions."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema

from tests.contract.conftest import Live
from tests.contract.exclusions import EXCLUSIONS, Exclusion, excuse
from tests.contract.fitting import fit, kind_of

SEED = 20_260_301
EXAMPLES = 100  # at the least, of each operation
PATIENCE = 240  # seconds for an answer: a machine that is busy with something else is no finding
SHOWN = 5  # findings of one kind, each with another answer


@dataclass
class Run:
    """What came of it, by the operations' labels: `GET /api/tasks/`."""

    examples: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    codes: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    found: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    used: Counter[Exclusion] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


def holds(live: Live, share: str) -> None:
    """Fails for anything that is found in the operations whose paths match the share, a regular expression."""
    schema = schema_of(live).include(path_regex=share)
    run = Run()
    with _noting(run, live):
        for event in from_schema(schema).execute():
            _judge(run, event)
        for operation in operations_of(schema):
            _ask_again(run, operation, live)
    print(_figures(run))  # noqa: T201  (shown with -s, and where it fails)
    assert not run.found, _told(run)
    assert run.errors == []
    labels = [each.label for each in operations_of(schema)]
    assert labels
    assert {label: run.examples[label] for label in labels if run.examples[label] < EXAMPLES} == {}
    needed = [each for each in EXCLUSIONS if any(each.is_of(label, each.check) for label in labels)]
    assert [each for each in needed if each not in run.used and not each.is_seldom] == []


def schema_of(live: Live) -> BaseSchema:
    signed_in = {"Authorization": f"Bearer {live.token}"}
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "base-url": live.url,
            "headers": signed_in,
            "continue-on-failure": True,
            "request-timeout": PATIENCE,
            "suppress-health-check": ["all"],
            "cache": {"enabled": False},
            "generation": {
                "max-examples": EXAMPLES,
                "no-shrink": True,
                "database": "none",
                "with-security-parameters": False,  # everything would be refused with 401
            },
            "phases": {
                "coverage": {"generate-duplicate-query-parameters": True},
            },
            "checks": {
                # A well-formed If-Match of another version, and a body that is too large, are refused as documented.
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "429"],
                },
                "negative_data_rejection": {
                    "expected-statuses": ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415"],
                },
            },
        }
    )
    return schemathesis.openapi.from_url(f"{live.url}/api/schema/", headers=signed_in, config=config, timeout=PATIENCE)


def operations_of(schema: BaseSchema) -> list[Any]:
    found: list[Any] = list(schema.get_all_operations())
    return [result.ok() for result in found]


def _ask_again(run: Run, operation: Any, live: Live) -> None:
    """What takes nothing but the name of a row has few examples: they are repeated, for what may differ by then."""
    names = [each.name for each in operation.path_parameters]
    known = live.names.get(kind_of(operation.path), [])
    while run.examples[operation.label] < EXAMPLES:
        row = known[run.examples[operation.label] % len(known)] if names else ""
        case = operation.Case(path_parameters=dict.fromkeys(names, row))
        response = case.call(headers={"Authorization": f"Bearer {live.token}"})
        try:
            case.validate_response(response)
        except FailureGroup as failure:
            run.found[operation.label, "asked again"].append(str(failure))
            return


@contextmanager
def _noting(run: Run, live: Live) -> Iterator[None]:
    """Counts, and puts names of rows into each request."""
    begun = time.perf_counter()

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        nonlocal begun
        fit(case, live.names)
        begun = time.perf_counter()

    def after_call(context: Any, case: Any, response: Any) -> None:
        run.seconds[case.operation.label] += time.perf_counter() - begun
        run.examples[case.operation.label] += 1
        run.codes[case.operation.label][response.status_code] += 1

    for hook in (before_call, after_call):
        schemathesis.hook(hook)
    yield
    for hook in (before_call, after_call):
        schemathesis.hooks.unregister(hook)


def _judge(run: Run, event: events.EngineEvent) -> None:
    if isinstance(event, events.NonFatalError):
        run.errors.append(f"{event.label}: {event.info.message}")
    elif isinstance(event, events.FatalError):
        raise event.exception
    elif isinstance(event, events.ScenarioFinished):
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    _note(run, event.recorder, case_id, check)


def _note(run: Run, recorder: Any, case_id: str, check: Any) -> None:
    label = recorder.cases[case_id].value.operation.label
    response = recorder.interactions[case_id].response
    answer = response.content if response is not None and response.content else b""
    if excuses := excuse(label, check.name, answer):
        run.used.update(excuses)
        return
    info = check.failure_info
    run.found[label, check.name].append(
        f"{info.failure.title}: {info.failure.message}\n{info.code_sample[:2_000]}\n"
        f"{response.status_code if response else '-'} {answer[:500]!r}"
    )


def _told(run: Run) -> str:
    parts = []
    for (label, check), found in sorted(run.found.items()):
        parts.append(f"━━━ {label} · {check} · {len(found)} times")
        by_answer = {each.rpartition("\n")[2]: each for each in found}
        parts += list(by_answer.values())[:SHOWN]
    return "\n\n".join(parts)


def _figures(run: Run) -> str:
    """Returns how long each operation took, the slowest first."""
    lines = [f"{sum(run.examples.values()):,} requests, {sum(run.seconds.values()):.1f} s for their answers"]
    for label, seconds in sorted(run.seconds.items(), key=lambda each: -each[1]):
        number = run.examples[label]
        codes = dict(sorted(run.codes[label].items()))
        lines.append(f"{seconds / number * 1000:6.1f} ms  {number:5,}  {label}  {codes}")
    for each, number in run.used.items():
        lines.append(f"{number:5,} times excused: {each.operations} {each.code} {each.attr}")
    return "\n".join(lines)
