"""Certificates of a test's own, made by openssl: an authority, a server's for `localhost` and a client's."""

import shutil
import subprocess
from pathlib import Path


class Certificates:
    """An authority in a folder of its own. `server` is for the name localhost alone: not for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = folder / "authority.crt"
        _openssl(
            *"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30".split(),
            *["-keyout", folder / "authority.key", "-out", self.authority, "-subj", "/CN=an authority of tests"],
            *["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        )
        self.server, self.server_key = self._issue("server", "DNS:localhost", "serverAuth")
        self.client, self.client_key = self._issue("client", "DNS:taskyard-tests", "clientAuth")

    def copy_for_server(self, folder: Path, account: tuple[int, int] | None) -> None:
        """Puts authority.crt, server.crt and server.key where a server, which may run as another user, reads them."""
        for path in (self.authority, self.server, self.server_key):
            copy = folder / path.name
            shutil.copy(path, copy)
            copy.chmod(0o600)
            if account:
                shutil.chown(copy, *account)

    def _issue(self, name: str, alternative: str, usage: str) -> tuple[Path, Path]:
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nextendedKeyUsage={usage}\n")
        _openssl(
            *"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(),
            *["-keyout", key, "-out", request, "-subj", f"/CN={name}"],
        )
        _openssl(
            *["x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self.folder / "authority.key"],
            *["-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", certificate],
        )
        key.chmod(0o600)
        return certificate, key


def _openssl(*arguments: object) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
