"""The functions of templates as tables for the guide: ``python -m strongroom.template.reference``."""

from __future__ import annotations

from strongroom.template.functions import subjects
from strongroom.template.functions.sockaddr import ADDRESSES


def reference() -> str:
    """A section for each subject, with what its functions take and promise."""
    sections = [*subjects().items(), ("Inside of sockaddr", ADDRESSES)]
    return "\n".join(
        f"### {subject}\n\n| | |\n|---|---|\n"
        + "".join(f"| `{each.signature}` | {_line(each.help)} |\n" for each in library.all())
        for subject, library in sections
    )


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - a program
