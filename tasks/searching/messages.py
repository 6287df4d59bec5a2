"""What is said of a search that cannot be understood."""

from collections.abc import Iterable
from difflib import get_close_matches

from tasks.exceptions import TaskyardError


class InvalidSearch(TaskyardError):
    """A word or a value is wrong. `errors` holds one {code, detail, attr} each, `attr` being the parameter."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(error["detail"] for error in errors[:5]))
        self.errors = errors


class Wrong(Exception):
    """One thing that is wrong; who knows which parameter it stands in makes an InvalidSearch of it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail

    def of(self, attr: str) -> dict[str, str]:
        return {"code": self.code, "detail": self.detail, "attr": attr}


def quoted(text: str, longest: int = 60) -> str:
    """Returns what somebody wrote, as part of a sentence."""
    return repr(text if len(text) <= longest else f"{text[: longest - 1]}…")


def nearest(text: str, known: Iterable[str]) -> str:
    """Returns the known word that looks most like the text, or nothing."""
    found = get_close_matches(text[:100].lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def did_you_mean(text: str, known: Iterable[str]) -> str:
    found = nearest(text, known)
    return f"; did you mean {found}?" if found else ""
