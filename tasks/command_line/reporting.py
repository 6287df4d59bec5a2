"""What a verb did to each of some ids: told, and refused with an exit code where something was skipped."""

from typing import Any

from tasks.api import shapes
from tasks.command_line.calling import Call, Refused
from tasks.services import Report
from tasks.wording import number_of


def tell(call: Call, report: Report, past: str, noun: str = "task", **more: Any) -> None:
    """Prints what was done. `more` is put beside it for programs. Raises Refused with what was skipped, and why."""
    call.output.give({**shapes.report_shape(report), **more}, lambda output, shape: None)
    if report.done:
        call.output.say(f"{_were(len(report.done), noun)} {past}.")
    if report.requested:
        call.output.say(f"{_were(len(report.requested), noun)} asked of the worker, which confirms it within seconds.")
    check_skipped(report)


def check_skipped(report: Report) -> None:
    if not report.skipped:
        return
    asked = len(report.done) + len(report.requested) + len(report.skipped)
    lines = [
        f"  {each['id']}  {': '.join(part for part in (each['status'], each['reason']) if part)}"
        for each in shapes.skipped_shape(report)
    ]
    raise Refused("\n".join([f"{len(report.skipped):,} of {asked:,} skipped", *lines]))


def _were(count: int, noun: str) -> str:
    return f"{number_of(count, noun)} {'was' if count == 1 else 'were'}"
