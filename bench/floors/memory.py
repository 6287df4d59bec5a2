"""What a process has in memory, as the kernel counts it. Linux only."""

from dataclasses import dataclass
from pathlib import Path

MIB = 1024


@dataclass(frozen=True)
class Usage:
    """In MiB: all that is resident, its share of it (shared pages divided among those who share them), its own."""

    rss: float
    pss: float
    uss: float


def usage(pid: int) -> Usage:
    fields = _fields(Path(f"/proc/{pid}/smaps_rollup"))
    own = fields["Private_Clean"] + fields["Private_Dirty"]
    return Usage(fields["Rss"] / MIB, fields["Pss"] / MIB, own / MIB)


def forget_peak(pid: int) -> None:
    """Has the kernel count the peak anew from now on (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> float:
    """Returns the largest resident size since `forget_peak`, in MiB."""
    return _fields(Path(f"/proc/{pid}/status"))["VmHWM"] / MIB


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _fields(path: Path) -> dict[str, int]:
    """Reads the lines of the form `name: number kB`."""
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name: int(words[0]) for name, _, rest in lines if (words := rest.split()) and words[-1] == "kB"}
