"""An authority of the test's own, and the certificates that it issues, made by openssl."""

import ssl
import subprocess
from pathlib import Path

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder, self.certificate, self._key = folder, folder / f"{name}.pem", folder / f"{name}.key"
        _openssl("req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.certificate, "-subj", f"/CN={name}")

    def issue(self, names: str, *, days: int = 2) -> Path:
        """Returns certificate and key in one file; `names` as in "DNS:service.test,IP:127.0.0.1"."""
        count = len(list(self.folder.glob("*.csr")))
        request, key, issued = (self.folder / f"{count}.{ending}" for ending in ("csr", "key", "pem"))
        alternatives = ["-addext", f"subjectAltName={names}"]
        _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=issued", *alternatives)
        signer = ["-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-copy_extensions", "copyall"]
        _openssl("x509", "-req", "-in", request, *signer, "-days", days, "-out", issued)
        issued.write_bytes(issued.read_bytes() + key.read_bytes())
        return issued

    def serve(self, names: str, *, days: int = 2) -> ssl.SSLContext:
        """Returns what a server needs that shows such a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(names, days=days))
        return context


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)
