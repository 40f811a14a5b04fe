"""The machine's own PAM, asked as sshd asks it, with a configuration of a test's own.

Linux-PAM reads that from a folder which the caller names, so no file of the machine is touched and
nobody has to be root.
"""

from __future__ import annotations

import ctypes
import subprocess
from ctypes.util import find_library
from pathlib import Path

_LIBRARY = ctypes.CDLL(find_library("pam"))
_LIBC = ctypes.CDLL(None)
_LIBC.calloc.restype = ctypes.c_void_p
_LIBC.strdup.restype = ctypes.c_void_p


class _Message(ctypes.Structure):
    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class _Response(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_Converse = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.POINTER(_Response)),
    ctypes.c_void_p,
)


class _Conversation(ctypes.Structure):
    _fields_ = (("converse", _Converse), ("data", ctypes.c_void_p))


def authenticated(folder: Path, rules: str, user: str, password: str) -> bool:
    """Whether PAM lets a user in by a password, under the rules of an ``auth`` stack."""
    (folder / "test").write_text(rules)

    def converse(count: int, messages: object, answers: object, data: object) -> int:
        answer = ctypes.cast(_LIBC.calloc(count, ctypes.sizeof(_Response)), ctypes.POINTER(_Response))
        for at in range(count):
            answer[at].text = _LIBC.strdup(password.encode())
        answers[0] = answer  # type: ignore[index]  # a pointer, which PAM frees with what it points to
        return 0

    conversation = _Conversation(_Converse(converse), None)
    handle = ctypes.c_void_p()
    started = _LIBRARY.pam_start_confdir(
        b"test", user.encode(), ctypes.byref(conversation), str(folder).encode(), ctypes.byref(handle)
    )
    assert started == 0
    try:
        return int(_LIBRARY.pam_authenticate(handle, 0)) == 0
    finally:
        _LIBRARY.pam_end(handle, 0)


_REDIRECTION = """\
#include <stdlib.h>
int pam_start_confdir(const char *, const char *, const void *, const char *, void **);
int pam_start(const char *service, const char *user, const void *talk, void **handle) {
    return pam_start_confdir(service, user, talk, getenv("TEST_PAM_FOLDER"), handle);
}
"""


def redirected(folder: Path, rules: str, service: str) -> dict[str, str]:
    """The environment in which a program finds the rules of its service in ``folder``, not in /etc/pam.d."""
    library, source = folder / "redirected.so", folder / "redirected.c"
    source.write_text(_REDIRECTION)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    (folder / service).write_text(rules)
    return {"LD_PRELOAD": str(library), "TEST_PAM_FOLDER": str(folder)}
