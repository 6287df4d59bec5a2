"""`cleanup`: removes what is long over."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.context import TaskContext
from tasks.registry import handler
from tasks.services.retention import remove_finished


class Cleanup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    older_than_days: float = Field(default=30, ge=0, le=36_500, description="Age since the end, in days")
    most: int = Field(default=100_000, ge=1, le=10_000_000, description="Remove no more than this many")


@handler("cleanup", payload=Cleanup, timeout=3_600)
def cleanup(ctx: TaskContext, payload: Cleanup) -> dict[str, Any]:
    """Removes completed and cancelled tasks, with their attempts and logs; dead ones stay until they are resolved."""
    removed = 0
    while removed < payload.most:
        batch = remove_finished(older_than=payload.older_than_days * 86_400, limit=min(5_000, payload.most - removed))
        removed += batch
        ctx.progress(removed / payload.most, f"{removed:,} removed")
        if not batch:
            break
    ctx.log.info("removed finished tasks", removed=removed)
    return {"removed": removed}
