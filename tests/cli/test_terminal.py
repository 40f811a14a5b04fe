from __future__ import annotations

import io
from pathlib import Path

from strongroom.cli.terminal import PAGED_FROM, Terminal

LONG = "\n".join(["line"] * (PAGED_FROM + 2))


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_only_where_somebody_wants_them() -> None:
    assert Terminal(Tty(), Tty(), Tty(), {}).colour("31", "x") == "\x1b[31mx\x1b[0m"
    assert Terminal(Tty(), Tty(), io.StringIO(), {}).colour("31", "x") == "x"
    for name in ("NO_COLOR", "VAULT_CLI_NO_COLOR", "STRONGROOM_CLI_NO_COLOR"):
        assert Terminal(Tty(), Tty(), Tty(), {name: "1"}).colour("31", "x") == "x"


def test_long_listings_go_through_the_pager_on_a_terminal_only(tmp_path: Path) -> None:
    pager = {"PAGER": f"tee {tmp_path}/paged"}
    for out, environ, text in ((io.StringIO(), pager, LONG), (Tty(), {}, LONG), (Tty(), pager, "short")):
        Terminal(io.StringIO(), out, io.StringIO(), environ).page(text)
        assert out.getvalue() == f"{text}\n"
    assert not (tmp_path / "paged").exists()


def test_pager(tmp_path: Path) -> None:
    out = Tty()
    Terminal(io.StringIO(), out, io.StringIO(), {"PAGER": f"sh -c 'cat > {tmp_path}/paged'"}).page(LONG)
    assert (out.getvalue(), (tmp_path / "paged").read_text()) == ("", f"{LONG}\n")
    Terminal(io.StringIO(), out, io.StringIO(), {"PAGER": "/nonexistent"}).page(LONG)
    assert out.getvalue() == f"{LONG}\n"
