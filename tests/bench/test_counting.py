"""The counters of the compared workers, across processes."""

import subprocess
import sys
import time
from pathlib import Path

from bench.comparing.programs.counting import Counter, read_counters
from bench.percentile import percentile

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from bench.comparing.programs.counting import Counter
counter = Counter(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    counter.add()
"""


def test_the_counts_of_all_processes_add_up(tmp_path: Path) -> None:
    began_at = time.time()
    assert read_counters(tmp_path) == (0, 0.0)
    Counter(tmp_path).add()
    for number in (1_000, 20):
        subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path), str(number)], cwd=ROOT, check=True)
    count, last_at = read_counters(tmp_path)
    assert count == 1_021
    assert began_at <= last_at <= time.time()


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 99) == 7.0
