"""How long each answer takes over HTTP, in rounds: what disturbs one round meets each of them once."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from statistics import median
from typing import Any

import httpx

from bench import stopping
from bench.browsing.asked import Asked
from bench.installation import Installation
from bench.processes import BenchFailed

LONGEST = 120.0  # seconds that are waited for an answer


@dataclass
class Answer:
    """What was asked for, and the milliseconds until it was read to its end."""

    asked: Asked
    milliseconds: list[float] = field(default_factory=list)
    code: int = 200

    @property
    def median(self) -> float:
        return median(self.milliseconds)

    @property
    def worst(self) -> float:
        return max(self.milliseconds)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "median": self.median, "worst": self.worst}


def measure(
    installation: Installation, asked: list[Asked], rounds: int, progress: Callable[[float], None]
) -> list[Answer]:
    """Asks for everything once, which nobody counts, and then once a round. Raises BenchFailed where one is refused."""
    answers = [Answer(each) for each in asked]
    with _signed_in(installation) as client:
        for number in range(rounds + 1):
            for place, answer in enumerate(answers):
                stopping.check()
                took = _ask(client, answer)
                if number:
                    answer.milliseconds.append(took)
                progress((number + place / len(answers)) / (rounds + 1))
            if refused := [f"{each.asked.address} ({each.code})" for each in answers if each.code != HTTPStatus.OK]:
                raise BenchFailed(f"not answered: {', '.join(refused)}")
    return answers


@contextmanager
def _signed_in(installation: Installation) -> Iterator[httpx.Client]:
    """A client with a session of the admin and a token of the API, which one address never uses both of."""
    with httpx.Client(base_url=installation.web_url, timeout=LONGEST, trust_env=False) as client:
        login = {"username": installation.submitter, "password": installation.password}
        token = client.post("/api/auth/token/", json=login).raise_for_status().json()["access"]
        form = client.get("/admin/login/").raise_for_status().text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        secret = found.group(1) if found else ""
        client.post("/admin/login/?next=/admin/", data={**login, "csrfmiddlewaretoken": secret})
        if "sessionid" not in client.cookies:
            raise BenchFailed("the admin lets nobody in")
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _ask(client: httpx.Client, answer: Answer) -> float:
    headers = {"X-Refresh": "1"} if answer.asked.is_fragment else {}
    began = time.perf_counter()
    got = client.get(answer.asked.address, headers=headers)
    took = time.perf_counter() - began
    answer.code = got.status_code
    return took * 1000
