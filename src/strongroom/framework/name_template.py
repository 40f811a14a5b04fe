"""Names of accounts made from a template: ``v-{{.RoleName | truncate 8}}-{{random 20}}``.

The language is Go's text/template, as all of :mod:`strongroom.template` has it, with these functions.

=====================  ======================================================
``random 20``          as many random letters and digits
``uuid``               a random UUID
``unix_time``          seconds since 1970; ``unix_time_millis`` milliseconds
``timestamp "2006"``   the time (UTC), in Go's way to write layouts
``truncate 8``         the first 8 characters
``truncate_sha256 8``  as ``truncate``; what is too long ends in 8 digits of its hash
``uppercase``          and ``lowercase``
``replace "-" "_"``    the first everywhere replaced by the second
``sha256``             the hash, in hexadecimal
``base64``             the text in base64
``printf "%s-%s"``     values put into a format
=====================  ======================================================
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from strongroom.errors import BadRequest

if TYPE_CHECKING:
    from strongroom.template.rendering import Template

MAX_LENGTH = 4096
"""Characters of a template, and of a name."""
_MAX_STEPS = 10_000


class BadTemplate(BadRequest):
    """The template cannot be understood, or cannot be carried out."""


class NameTemplate:
    """A template, tried out when it is made; ``what`` it names. Raises :class:`BadTemplate`."""

    def __init__(self, text: str, *, what: str = "name") -> None:
        try:
            self._template = _parsed(text)
        except BadTemplate as error:
            raise BadTemplate(f"unable to initialize {what} template: {error.public}") from None

    def render(self, now: int, *, display_name: str, role_name: str) -> str:
        """A name; ``now`` is nanoseconds since the epoch. Raises BadTemplate for one that is too long."""
        return _applied(self._template, now, {"DisplayName": display_name, "RoleName": role_name})


@lru_cache(256)
def _parsed(text: str) -> Template:
    # Loaded by whoever first needs a name: starts are timed.
    from strongroom.framework.name_functions import LIBRARY  # noqa: PLC0415
    from strongroom.template.errors import TemplateError  # noqa: PLC0415
    from strongroom.template.rendering import Template  # noqa: PLC0415

    if len(text) > MAX_LENGTH:
        raise BadTemplate(f"a template has at most {MAX_LENGTH} characters")
    try:
        template = Template.parse(text, library=LIBRARY)
    except TemplateError as error:
        raise BadTemplate(f"unable to parse template: {error}") from None
    _applied(template, 0, {"DisplayName": "token", "RoleName": "role"})
    return template


def _applied(template: Template, now: int, fields: dict[str, str]) -> str:
    from strongroom.framework.name_functions import Given, Moment  # noqa: PLC0415
    from strongroom.template.errors import TemplateError  # noqa: PLC0415
    from strongroom.template.execution import Options  # noqa: PLC0415

    limits = Options(max_output=MAX_LENGTH, max_steps=_MAX_STEPS)
    try:
        return template.render(Moment(now), limits, Given(fields)).text
    except TemplateError as error:
        raise BadTemplate(f"unable to apply template: {error}") from None
