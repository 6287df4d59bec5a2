"""A root folder to run the Dockerfile's steps and the services' commands in, by their own paths and as their own user.

No container engine: a mount namespace for each command, in which this system's programs and this checkout's packages
are bound into an otherwise empty folder, and chroot.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = Path(next(path for path in sys.path if path.endswith("site-packages")))
PATH = f"{sys.base_prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_BOUND = ("/proc", "/dev", "/run/postgresql", "/etc/ssl", "/usr/share/ca-certificates")
_ETC = ("passwd", "group", "shadow", "gshadow", "login.defs", "nsswitch.conf", "resolv.conf", "hosts", "pip.conf",
        "ld.so.cache", "localtime", "mime.types")  # fmt: skip
_SCRIPT = """#!/opt/venv/bin/python
import sys
from {module} import {function}
sys.argv[0] = sys.argv[0].rpartition("/")[2]
sys.exit({function}())
"""


def cannot() -> str:
    """Returns why it cannot be had here, "" where it can."""
    if os.geteuid() != 0:
        return "it takes root, to bind folders into another one"
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True
    )
    return "" if done.returncode == 0 else f"no mount namespace can be made: {done.stderr.strip()}"


class RootFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        binds = []
        for path in map(Path, _SYSTEM):
            if path.is_symlink():
                (folder / path.name).symlink_to(os.readlink(path))
            elif path.is_dir():
                binds.append(path)
        binds += [Path(path) for path in (*_BOUND, sys.base_prefix, PACKAGES) if Path(path).is_dir()]
        binds = [path for path in binds if not any(parent in binds for parent in path.parents)]
        for path in binds:
            self.inside(path).mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        (folder / "tmp").chmod(0o1777)
        (folder / "etc").mkdir(exist_ok=True)
        for name in _ETC:
            if (source := Path("/etc") / name).is_file():
                shutil.copy(source, folder / "etc" / name)
        self._mounts = " && ".join(f"mount --rbind '{path}' '{self.inside(path)}'" for path in binds)

    def inside(self, path: str | Path) -> Path:
        """Returns where a path of the inside is for us."""
        return self.folder / str(path).lstrip("/")

    def command(self, words: Sequence[str], *, cwd: str, user: int = 0) -> list[str]:
        """Returns the command that becomes this one, in there."""
        who = f"setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs --bounding-set=-all" if user else ""
        enter = f'{self._mounts} && exec chroot "$0" {who} env --chdir="$1" -- "${{@:2}}"'
        return ["unshare", "--mount", "bash", "-c", enter, str(self.folder), cwd, *words]

    def run(self, words: Sequence[str], *, cwd: str, environment: dict[str, str], user: int = 0) -> str:
        """Runs a command to its end, which must be a good one, in nothing but this environment."""
        done = subprocess.run(
            self.command(words, cwd=cwd, user=user),
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(
        self, words: Sequence[str], *, cwd: str, environment: dict[str, str], user: int, log: Any
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.command(words, cwd=cwd, user=user),
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip

    def install(self, names: Sequence[str]) -> None:
        """Puts packages into /opt/venv as pip would, from those that this checkout has; none but these."""
        [target] = self.inside("/opt/venv/lib").glob("python*/site-packages")
        for name in names:
            found = distribution(name)
            for top in {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}:
                if not (target / top).is_symlink():
                    (target / top).symlink_to(PACKAGES / top)
            self._write_scripts(found)

    def _write_scripts(self, found: Distribution) -> None:
        for point in found.entry_points:
            if point.group == "console_scripts":
                script = self.inside(f"/opt/venv/bin/{point.name}")
                script.write_text(_SCRIPT.format(module=point.module, function=point.attr))
                script.chmod(0o755)
