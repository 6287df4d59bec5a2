"""The type `data_processing`: tables through Polars, lazily and in bounded memory."""

import os
from typing import Any

from django.conf import settings

from tasks.context import TaskContext
from tasks.handlers.data_processing import transform
from tasks.handlers.data_processing.operations import find
from tasks.handlers.data_processing.payload import DataProcessing
from tasks.registry import handler

# Read by Polars when it is first imported, be it by a package with operations of its own.
os.environ.setdefault("POLARS_MAX_THREADS", str(settings.DATA_THREADS))

__all__ = ["DataProcessing", "data_processing", "transform"]


@handler("data_processing", payload=DataProcessing, queue="data", timeout=600)
def data_processing(ctx: TaskContext, payload: DataProcessing) -> dict[str, Any]:
    """Reads rows, transforms them and writes them: CSV, JSON Lines, Parquet, or rows in the payload.

    Files are named relative to DATA_ROOT. A source that is missing is waited for by the task's retries; a payload that
    does not fit the data fails at once.
    """
    operation = find(payload.root.operation)
    assert operation is not None  # the payload was validated by its model
    return operation.function(ctx, payload.root)
