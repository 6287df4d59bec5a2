"""The README's curl lines, as they stand, against a running Taskyard."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.embedded.running import PASSWORD, ROOT, taskyard

pytestmark = pytest.mark.embedded


def test_the_curl_lines_work_as_they_stand(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    script = "\n".join(block for block in blocks if "curl" in block)
    calls = script.count("curl -s ")
    script = script.replace("the-one-that-bin/up-has-printed", PASSWORD).replace(
        "curl -s ", "curl -sSf -w '\\n%{http_code}\\n' "
    )
    assert calls >= 5
    with taskyard(tmp_path, "--empty") as running:
        # The token's line gets its status too, which sed passes on: only the first of its lines is the token.
        script = script.replace("127.0.0.1:8000", f"127.0.0.1:{running.port}").replace("\\1/')", "\\1/' | head -1)")
        result = subprocess.run(["bash", "-eo", "pipefail", "-c", script], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        codes = re.findall(r"^\d{3}$", result.stdout, re.MULTILINE)
        assert codes == ["201", "200", "200", "201"]
        running.log_in()
        counts = running.await_all_ended(within=30)
        assert (counts["completed"], counts["scheduled"]) == (2, 1), "one is due in five seconds"
