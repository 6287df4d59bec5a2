"""Reads Dockerfile, .dockerignore and docker-compose.yml, as Docker would."""

import fnmatch
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass
class Stage:
    name: str
    image: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        return [value for name, value in self.instructions if name == instruction]


def stages(scratch: Path) -> dict[str, Stage]:
    """Returns the Dockerfile's stages by name; the parser wants a folder of its own."""
    shutil.copy(ROOT / "Dockerfile", scratch / "Dockerfile")
    found: dict[str, Stage] = {}
    for each in DockerfileParser(str(scratch / "Dockerfile")).structure:
        if each["instruction"] == "FROM":
            image, _, name = each["value"].partition(" AS ")
            stage = found[name] = Stage(name, image)
        elif found and each["instruction"] != "COMMENT":
            stage.instructions.append((each["instruction"], each["value"]))
    return found


def lineage(found: dict[str, Stage], name: str) -> list[Stage]:
    """Returns the stage and those that it is made from, the first one first."""
    chain = [found[name]]
    while chain[0].image in found:
        chain.insert(0, found[chain[0].image])
    return chain


def image_environment(found: dict[str, Stage], name: str, path: str) -> dict[str, str]:
    """Returns what a process of the image has in its environment; `path` is the PATH of the image it is made from."""
    environment = {"PATH": path}
    arguments: dict[str, str] = {}
    for stage in lineage(found, name):
        for instruction, value in stage.instructions:
            if instruction == "ARG":
                key, _, default = value.partition("=")
                arguments[key] = default
            elif instruction == "ENV":
                for word in shlex.split(value):
                    key, _, text = word.partition("=")
                    known = arguments | environment
                    environment[key] = re.sub(r"\$(\w+)", lambda match, known=known: known[match[1]], text)  # type: ignore[misc]
    return environment


# --- .dockerignore ----------------------------------------------------------------------------------------------------


def is_sent(path: str) -> bool:
    """Whether Docker's context has this file: the last pattern that fits it, or a folder it is in, decides."""
    sent = True
    parts = path.split("/")
    parents = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        if any(_fits(parent, pattern.removeprefix("!")) for parent in parents):
            sent = pattern.startswith("!")
    return sent


def _fits(path: str, pattern: str) -> bool:
    """`*` stops at a slash, and `**/` stands for any number of folders."""
    words = ["(?:.*/)?" if part == "**" else fnmatch.translate(part)[4:-3].replace(".*", "[^/]*") + "/" for part in
             pattern.split("/")]  # fmt: skip
    return re.fullmatch("".join(words), path + "/") is not None


def copy_context(target: Path) -> None:
    """Copies what `COPY . ./` brings."""
    for folder, names, files in os.walk(ROOT):
        relative = Path(folder).relative_to(ROOT)
        if relative == Path():
            names[:] = [name for name in names if is_sent(name)]  # else it would walk through .venv and .git
        for name in files:
            path = relative / name
            if is_sent(str(path)):
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, target / path)


# --- docker-compose.yml -----------------------------------------------------------------------------------------------


def composition(**variables: str) -> Any:
    """Returns the file with the variables in its texts replaced, by these or by their defaults."""

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        assert default is not None, f"{name} has no default"
        return variables.get(name, str(default))

    def replaced(each: Any) -> Any:
        if isinstance(each, dict):
            return {key: replaced(inner) for key, inner in each.items()}
        if isinstance(each, list):
            return [replaced(inner) for inner in each]
        return _VARIABLE.sub(value, each) if isinstance(each, str) else each

    return replaced(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def environments(composed: Any) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yields each service's name, image and environment."""
    for name, service in composed["services"].items():
        yield name, service["image"], service.get("environment", {})
