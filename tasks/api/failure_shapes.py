"""What the API shows of groups of failures, of rules and of what a reprocess would do, with secrets masked."""

from datetime import datetime
from typing import Any

from tasks import failure_overviews
from tasks.api.answers import ProblemShape
from tasks.api.dead_letter_answers import (
    FailureRuleShape,
    GroupShape,
    PayloadPreviewShape,
    PreviewShape,
    ReturnedShape,
    SampleShape,
    TrialShape,
)
from tasks.api.shapes import name_of
from tasks.masking import masked, masked_text
from tasks.models import DeadLetter, FailureGroup, FailureRule
from tasks.services.failure_rules import Trial
from tasks.services.previewing import Preview, Sample


def group_shape(group: FailureGroup, sample: DeadLetter | None, *, now: datetime) -> GroupShape:
    return {
        "fingerprint": group.fingerprint,
        "state": group.state,
        "state_at": group.state_at,
        "state_by": name_of(group.state_by),
        "state_reason": masked_text(group.state_reason) or None,
        "returned": _returned(group),
        "category": group.category,
        "error_class": group.error_class,
        "message": masked_text(group.message),
        "count": max(0, group.open_count),
        "total": group.total_count,
        "first_seen": group.first_seen,
        "last_seen": group.last_seen,
        "types": {group.type: group.open_count} if group.open_count > 0 else {},  # the type is in the fingerprint
        "queues": group.queues,
        "trend": {"day": failure_overviews.day_of(group, now), "week": failure_overviews.week_of(group, now)},
        "sample": None if sample is None else _sample(sample),
    }


def _returned(group: FailureGroup) -> ReturnedShape | None:
    if group.returned_at is None:
        return None
    return {
        "at": group.returned_at,
        "resolved_at": group.returned_after,
        "worker": group.returned_worker or None,
        "release": group.returned_release or None,
    }


def _sample(letter: DeadLetter) -> SampleShape:
    return {
        "id": letter.id,
        "task": letter.task_id,
        "category": letter.category,
        "error_class": letter.error_class,
        "message": masked_text(letter.message),
    }


def preview_shape(preview: Preview, *, with_payload: bool) -> PreviewShape:
    return {
        "count": preview.count,
        "looked_at": preview.looked_at,
        "comes_back": preview.comes_back,
        "held_back": preview.held_back,
        "strays": preview.strays,
        "changed": preview.changed,
        "invalid": preview.invalid,
        "errors": [_problem(each) for each in preview.errors],
        "samples": [_payload_preview(each, with_payload) for each in preview.samples],
    }


def _payload_preview(sample: Sample, with_payload: bool) -> PayloadPreviewShape:
    return {
        "id": sample.letter_id,
        "task": sample.task_id,
        "type": sample.type,
        "before": masked(sample.before) if with_payload else None,
        "after": masked(sample.after) if with_payload else None,
        "errors": [_problem(each) for each in sample.errors],
    }


def _problem(error: dict[str, str]) -> ProblemShape:
    return {"code": error["code"], "detail": masked_text(error["detail"]), "attr": error["attr"]}


def rule_shape(rule: FailureRule) -> FailureRuleShape:
    return {
        "id": rule.pk,
        "order": rule.order,
        "enabled": rule.enabled,
        "type": rule.type,
        "error_class": rule.error_class,
        "message": rule.message,
        "message_match": rule.message_match,
        "category": rule.category,
        "verdict": rule.verdict,
        "delay": rule.delay,
        "note": rule.note,
        "changed_at": rule.changed_at,
    }


def trial_shape(trial: Trial) -> TrialShape:
    samples: Any = [
        {
            "task": each.task_id,
            "type": each.type,
            "error_class": each.error_class,
            "message": masked_text(each.message),
            "category": each.category,
            "becomes": each.becomes,
            "at": each.at,
        }
        for each in trial.samples
    ]
    return {
        "checked": trial.checked,
        "matched": trial.matched,
        "taken_before": trial.taken_before,
        "samples": samples,
    }
