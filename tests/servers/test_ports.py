"""Ports: no two processes are given the same, and those of a process that has ended are free again."""

import subprocess
import sys

from tests.servers import free_ports


def port_of_another(ports: list[int]) -> int:
    """Returns the port that another process is given of these, in this order. The process has ended by then."""
    script = f"import random; random.sample = lambda *_: {ports}; from tests.servers import free_ports"
    command = [sys.executable, "-c", f"{script}; print(*free_ports(1))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


def test_a_port_that_was_given_is_not_given_to_another_process() -> None:
    (ours,) = free_ports(1)
    others = port_of_another([ours, *range(20_000, 20_100)])
    assert others != ours
    assert port_of_another([others, *range(20_100, 20_200)]) == others
