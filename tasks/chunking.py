"""From candidates to chunks: what travels in one message. Pure but for the settings."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings

from tasks.selectors import Candidate, Line
from tasks.states import Kind

CHUNK_SECONDS = 0.1  # of work by the type's known mean in one message
CHUNK_IDS = 200
CHUNK_BYTES = 1024 * 1024


@dataclass(slots=True)
class Chunk:
    """Tasks of one type and one priority."""

    priority: int
    most: int
    alone: bool = False
    size: int = 0  # bytes of their payloads
    ids: list[uuid.UUID] = field(default_factory=list)


def chunks_of(line: Line, candidates: Iterable[Candidate], *, room: int, single: bool = False) -> list[Chunk]:
    """Makes chunks of the candidates in their order, at most `room`. `single` sends each task by itself."""
    chunks: list[Chunk] = []
    open_chunks: dict[tuple[str, int], Chunk] = {}
    for candidate in candidates:
        key = (candidate.type, candidate.priority)
        alone = candidate.suspect
        chunk = None if alone else open_chunks.get(key)
        if chunk is None or len(chunk.ids) >= chunk.most or chunk.size + candidate.size > CHUNK_BYTES:
            if len(chunks) == room:
                break  # not the next one's turn before this one's
            chunk = Chunk(candidate.priority, 1 if alone or single else _ids_at_once(line, candidate.type), alone)
            chunks.append(chunk)
            if not alone:
                open_chunks[key] = chunk
        chunk.ids.append(candidate.id)
        chunk.size += candidate.size
    return chunks


def _ids_at_once(line: Line, type_name: str) -> int:
    mean = line.means.get(type_name)
    if mean is None:
        return 1
    together = settings.COROUTINES_PER_PROCESS if line.kind is Kind.ASYNC else 1
    return max(1, min(CHUNK_IDS, int(CHUNK_SECONDS * 1000 * together / mean)))
