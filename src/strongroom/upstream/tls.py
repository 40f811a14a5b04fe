"""TLS to systems outside: whom to trust and what to show, from PEM that stands in options."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress

from strongroom.errors import BadRequest, Internal


def context(
    name: str, *, ca: str = "", certificate: str = "", key: str = "", verify: bool = True
) -> ssl.SSLContext:
    """How TLS to the system of that name is verified. Raises BadRequest for PEM that is none.

    Without ``ca`` the authorities of the machine are trusted. ``certificate`` may hold its key as well.
    """
    try:
        made = ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, ValueError, TypeError):  # the last for what is not even ASCII
        raise BadRequest(f"the CA certificate of {name} is not valid PEM") from None
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if certificate or key:
        _show(made, name, certificate, key)
    return made


def _show(made: ssl.SSLContext, name: str, certificate: str, key: str) -> None:
    """Have the context show a client certificate. The standard library loads these from files only."""
    if not (certificate and (key or "PRIVATE KEY" in certificate)):
        raise BadRequest(f"a client certificate for {name} needs its key, and a key its certificate")
    try:
        descriptor = os.memfd_create("certificate")  # a file that is on no disk
    except (AttributeError, OSError):
        raise Internal(cause="client certificates need memfd_create, which Linux has") from None
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(f"{certificate}\n{key}\n".encode())
        made.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except (ssl.SSLError, ValueError, OSError):
        raise BadRequest(f"the client certificate and key of {name} do not fit or are not PEM") from None
    finally:
        with suppress(OSError):
            os.close(descriptor)
