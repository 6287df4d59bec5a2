"""What holds for the whole tree: who writes a status, who spells one, how long a module may be."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.states import TaskStatus

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("config", "tasks", "workflows", "monitoring", "bench", "deploy", "bin")
LONGEST_MODULE = 300

# What may write the column, in SQL and by the ORM.
_WRITERS = {"update", "create", "acreate", "aupdate", "get_or_create", "update_or_create", "Task"}
_SQL_WRITE = re.compile(
    r"\bINSERT\s+INTO\s+tasks_task\b|\bCOPY\s+tasks_task\b"
    r"|\bUPDATE\s+tasks_task\b(?:(?!\bWHERE\b).)*\bSET\b(?:(?!\bWHERE\b).)*\bstatus\s*=",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(f"'({'|'.join(TaskStatus.values)})'")


def modules(*folders: str) -> list[Path]:
    """Returns the Python files in these folders, of which Django wrote none."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def texts(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yields each string of the code, but docstrings, with what stands between the braces of f-strings left out."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            words = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node, "".join(str(word) for word in words)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docs | parts):
            yield node, node.value


def writes_status(tree: ast.AST) -> list[int]:
    """Returns the lines that write a task's status."""
    lines = [text[0].lineno for text in texts(tree) if _SQL_WRITE.search(text[1])]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            lines += [node.lineno for target in targets if _is_a_rows_status(target)]
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in _WRITERS and any(keyword.arg == "status" for keyword in node.keywords):
                lines.append(node.lineno)
            if name in {"bulk_update", "setattr", "save"} and any(
                isinstance(each, ast.Constant) and each.value == "status" for each in ast.walk(node)
            ):
                lines.append(node.lineno)
    return sorted(lines)


def _is_a_rows_status(target: ast.expr) -> bool:
    if not isinstance(target, ast.Attribute) or target.attr != "status":
        return False
    # `self.status` is an exception's or a form's own.
    return not (isinstance(target.value, ast.Name) and target.value.id == "self")


def spells_status(tree: ast.AST) -> list[int]:
    """Returns the lines that spell a status, as a word of its own or quoted within SQL."""
    return sorted(node.lineno for node, text in texts(tree) if text in TaskStatus.values or _QUOTED.search(text))


def found_in(finder: Callable[[ast.AST], list[int]], *allowed: str) -> list[str]:
    places = []
    for path in modules(*PRODUCT):
        name = str(path.relative_to(ROOT))
        if not name.startswith(allowed):
            places += [f"{name}:{line}" for line in finder(ast.parse(path.read_text(encoding="utf-8")))]
    return places


def test_only_the_transitions_write_a_status() -> None:
    by_the_million = ["bench/floors/rows.py", "bench/browsing/rows.py"]
    assert found_in(writes_status, "tasks/transitions/", *by_the_million) == []


def test_only_the_states_spell_a_status() -> None:
    assert found_in(spells_status, "tasks/states.py") == []


def test_no_module_is_longer_than_a_reader_likes() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*PRODUCT, "tests")}
    del lengths[ROOT / "tests/tasks/access_table.py"]  # one table, to be read in one place
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in modules("tests")}
    assert {str(folder) for folder in folders if not (folder / "__init__.py").exists()} == set()


@pytest.mark.parametrize(
    "code",
    [
        "task.status = TaskStatus.FAILED",
        "self.task.status = x",
        "rows[0].status = x",
        "Task.objects.filter(id=1).update(name='', status=x)",
        "Task(status=x)",
        "Task.objects.create(status=x)",
        "Task.objects.bulk_update(rows, ['name', 'status'])",
        "task.save(update_fields=['status'])",
        "setattr(task, 'status', x)",
        "run(f'UPDATE tasks_task SET worker = %s, status = {x} WHERE id = 1')",
        "run('INSERT INTO tasks_task (id) VALUES (1)')",
    ],
)
def test_a_write_of_a_status_is_found(code: str) -> None:
    assert writes_status(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "self.status = status",
        "Response(body, status=409)",
        "Task.objects.filter(status=x).update(name='')",
        "run(f'UPDATE tasks_task SET progress = 1 WHERE status = {x}')",
        "run('INSERT INTO tasks_taskattempt (status) VALUES (1)')",
    ],
)
def test_other_things_called_status_are_not(code: str) -> None:
    assert not writes_status(ast.parse(code))


@pytest.mark.parametrize("code", ["x = 'pending'", "f'SELECT {y} WHERE status IN (\\'queued\\', {x})'"])
def test_a_spelled_status_is_found(code: str) -> None:
    assert spells_status(ast.parse(code))
    assert not spells_status(ast.parse(f'def f():\n    """It is pending, or: {TaskStatus.QUEUED!r}."""'))
