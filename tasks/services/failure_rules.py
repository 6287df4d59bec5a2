"""Rules over failures: made, changed and removed by operators, and tried before they are in force."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pydantic
from django.db.models import Max
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from tasks import auditing, database, selectors
from tasks.classifying import Pattern, Rule, RuleBook, RuleFacts
from tasks.exceptions import InvalidSubmission, RuleMissing
from tasks.models import DeadLetter, FailureRule, TaskAttempt
from tasks.retry_policy import LONGEST_DELAY
from tasks.services.submission_form import WHOLE, Text, path_errors
from tasks.states import RULED, MessageMatch, Outcome, RuleVerdict
from tasks.versions import check_version

MOST_RULES = 200
TRIED_LETTERS, TRIED_ATTEMPTS = 1_000, 20_000
SAMPLES = 20


def says_something(schema: dict[str, Any]) -> None:
    """Says in a schema what `_does_something` and `_delay_is_for_what_is_tried_again` check."""

    def one_of(names: str, **others: dict[str, Any]) -> dict[str, Any]:
        known = {name: {"minLength": 1} for name in names.split()} | others
        return {"anyOf": [{"required": [name], "properties": {name: each}} for name, each in known.items()]}

    delayed = {"verdict": {"const": RuleVerdict.DIE.value}, "delay": {"type": "number"}}
    schema["allOf"] = [one_of("type error_class message"), one_of("category verdict", delay={"type": "number"})]
    schema["not"] = {"required": list(delayed), "properties": delayed}


class RuleForm(BaseModel):
    """The fields of a rule. What is empty matches everything, or leaves the failure as it is."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=says_something)

    order: Annotated[int, Field(ge=0, le=100_000), WHOLE] = 100
    enabled: bool = True
    type: Annotated[Text, Field(max_length=100)] = ""
    error_class: Annotated[Text, Field(max_length=200)] = ""
    message_match: Literal["contains", "regex"] = "contains"
    message: Annotated[Text, Field(max_length=200)] = ""
    category: Annotated[Text, Field(max_length=20, json_schema_extra={"enum": ["", *sorted(RULED)]})] = ""
    verdict: Literal["", "retry", "die"] = ""
    delay: Annotated[float, Field(ge=0, le=LONGEST_DELAY, allow_inf_nan=False, strict=False)] | None = None
    note: Annotated[Text, Field(max_length=500)] = ""

    @field_validator("category")
    @classmethod
    def _category_is_one_of_a_failure(cls, category: str) -> str:
        if category and category not in RULED:
            raise ValueError(f"{category!r} is not one of {', '.join(sorted(RULED))}")
        return category

    @model_validator(mode="after")
    def _does_something(self) -> "RuleForm":
        if not (self.type or self.error_class or self.message):
            raise ValueError("it would match every failure: give a type, an error class or a part of the message")
        if not self.category and not self.verdict and self.delay is None:
            raise ValueError("it would change nothing: give a category, a verdict or a delay")
        return self

    @field_validator("delay")
    @classmethod
    def _delay_is_for_what_is_tried_again(cls, delay: float | None, info: ValidationInfo) -> float | None:
        if delay is not None and info.data.get("verdict") == RuleVerdict.DIE:
            raise ValueError("what is dead at once has no delay: leave one of the two out")
        return delay

    @field_validator("message")
    @classmethod
    def _pattern_is_one(cls, message: str, info: ValidationInfo) -> str:
        if message and info.data.get("message_match") == MessageMatch.REGEX:
            try:
                is_slow = Pattern(message).is_slow
            except ValueError as error:
                raise ValueError(f"it is no regular expression (of Rust's kind): {error}") from None
            if is_slow:
                raise ValueError("the regular expression takes too long: use smaller counts, as in {1,20}")
        return message


_FIELDS = tuple(RuleForm.model_fields)


def create_rule(given: Mapping[str, Any], *, actor: Any = None) -> FailureRule:
    """Makes a rule; workers obey it within seconds. Raises InvalidSubmission with the path of each error."""
    form = _read(given)
    with database.one_transaction():
        if FailureRule.objects.count() >= MOST_RULES:
            detail = f"there are {MOST_RULES} rules already: each failure asks all of them"
            raise InvalidSubmission([{"code": "too_many", "detail": detail, "attr": ""}])
        rule = FailureRule.objects.create(**form.model_dump(), changed_at=database.now())
        auditing.record(verb="create", kind="failure rule", target=str(rule.pk), actor=actor, after=facts_of(rule))
    return rule


def change_rule(
    rule_id: int, given: Mapping[str, Any], *, actor: Any = None, version: str | None = None
) -> FailureRule:
    """Changes the fields that are given; `version` is the one that the editor saw (`versions`).

    Raises RuleMissing, InvalidSubmission, or EditedMeanwhile where somebody else was faster.
    """
    with database.one_transaction():
        rule = _locked(rule_id, version)
        before = facts_of(rule)
        form = _read({**before, **given})
        for name, value in form.model_dump().items():
            setattr(rule, name, value)
        after = facts_of(rule)
        if after != before:
            rule.changed_at = database.now()
            rule.save()
            auditing.record(
                verb="change", kind="failure rule", target=str(rule.pk), actor=actor, before=before, after=after
            )
    return rule


def remove_rule(rule_id: int, *, actor: Any = None, version: str | None = None) -> None:
    """Raises RuleMissing, or EditedMeanwhile where somebody else has changed it."""
    with database.one_transaction():
        rule = _locked(rule_id, version)
        before = facts_of(rule)
        rule.delete()
        auditing.record(verb="delete", kind="failure rule", target=str(rule_id), actor=actor, before=before)


def facts_of(rule: FailureRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in _FIELDS}


def _locked(rule_id: int, version: str | None) -> FailureRule:
    rule = FailureRule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise RuleMissing(rule_id)
    check_version(rule, version)
    return rule


def _read(given: Mapping[str, Any]) -> RuleForm:
    try:
        return RuleForm.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise InvalidSubmission(path_errors(error)) from None


# --- Before it is in force --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tried:
    """A failure that the rule would have decided on."""

    task_id: uuid.UUID | None
    type: str
    error_class: str
    message: str
    category: str
    becomes: str
    at: Any


@dataclass(slots=True)
class Trial:
    """What a rule would have done to failures of late."""

    checked: int = 0
    matched: int = 0
    taken_before: int = 0  # it matches, and a rule before it decides
    samples: list[Tried] = field(default_factory=list)  # the newest


def try_rule(given: Mapping[str, Any], *, instead_of: int | None = None) -> Trial:
    """Returns what a rule with these fields would have decided on lately; changes nothing. Raises InvalidSubmission."""
    form = _read(given)
    facts = form.model_dump(include=set(RuleFacts._fields))
    rule = Rule.of(RuleFacts(id=instead_of or 0, **facts))
    place = (form.order, instead_of if instead_of is not None else float("inf"))
    before = RuleBook.of(
        each for each in selectors.failure_rules() if (each.order, each.id) < place and each.id != instead_of
    )
    trial = Trial()
    for failure in _failures_of_late():
        trial.checked += 1
        words = (failure.type, failure.error_class, failure.message)
        if not rule.matches(*words):
            continue
        if before.first(*words) is not None:
            trial.taken_before += 1
            continue
        trial.matched += 1
        if len(trial.samples) < SAMPLES:
            trial.samples.append(failure)
    trial.samples = [_with_end(each, form) for each in trial.samples]
    return trial


def _with_end(failure: Tried, form: RuleForm) -> Tried:
    return Tried(
        failure.task_id, failure.type, failure.error_class, failure.message, failure.category,
        form.category or failure.category, failure.at,
    )  # fmt: skip


def _failures_of_late() -> Iterable[Tried]:
    """Yields what died last and which of the newest attempts failed, each failure once. Two queries."""
    letters = DeadLetter.objects.filter(category__in=RULED).order_by("-created_at", "-id")
    seen = set()
    for row in letters.values_list("task_id", "attempts", "type", "error_class", "message", "category", "created_at")[
        :TRIED_LETTERS
    ]:
        seen.add(row[:2])
        yield Tried(row[0], row[2], row[3], row[4], row[5], row[5], row[6])
    newest = TaskAttempt.objects.aggregate(newest=Max("id"))["newest"] or 0
    attempts = TaskAttempt.objects.filter(
        id__gt=newest - TRIED_ATTEMPTS, outcome=Outcome.FAILED, category__in=RULED
    ).order_by("-id")
    for row in attempts.values_list(
        "task_id", "number", "task__type", "error_class", "error_message", "category", "finished_at"
    )[:TRIED_ATTEMPTS]:
        if row[:2] not in seen:
            yield Tried(row[0], row[2], row[3], row[4], row[5], row[5], row[6])
