"""Certificates that nobody signed but themselves, or an authority of their own."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from latbase.db.service.running import Tls


def self_signed(folder: Path, addresses: Sequence[str] = ("127.0.0.1",)) -> Tls:
    """Make a certificate for ``addresses`` and its key in ``folder``, which is made, too."""
    folder.mkdir()
    made = Tls(certificate=folder / "cert.pem", key=folder / "key.pem")
    names = ",".join(f"IP:{address}" for address in addresses)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    subject = ("-subj", "/CN=latbase", "-addext", f"subjectAltName={names}", "-days", "2")
    files = ("-out", str(made.certificate), "-keyout", str(made.key))
    subprocess.run(
        ["openssl", "req", "-x509", *key, *subject, *files], check=True, capture_output=True
    )
    return made


def signed_by_an_authority(folder: Path) -> Tls:
    """Make a certificate for 127.0.0.1 that an unknown authority signed, without it in the file."""
    authority = self_signed(folder)
    made = Tls(certificate=folder / "leaf.pem", key=folder / "leaf-key.pem")
    by = ("-CA", str(authority.certificate), "-CAkey", str(authority.key))
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE")
    files = ("-out", str(made.certificate), "-keyout", str(made.key))
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=leaf")
    subprocess.run(
        ["openssl", "req", "-x509", *by, *key, *names, *files, "-days", "2"],
        check=True,
        capture_output=True,
    )
    return made
