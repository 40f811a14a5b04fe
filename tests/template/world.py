"""A small world for templates: what it knows is given, everything else is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from strongroom.template import UNKNOWN, Dependency, Options, Secret, SecretRead, Template, World


class Known(World):
    """Answers what it was given."""

    def __init__(
        self,
        values: Mapping[Dependency, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        **secrets: dict[str, Any],
    ) -> None:
        self.values = dict(values or {})
        self.values.update({SecretRead(name): Secret(data=data) for name, data in secrets.items()})
        self.variables = dict(environment or {})

    def recall(self, dependency: Dependency) -> Any:
        return self.values.get(dependency, UNKNOWN)

    def environment(self) -> Mapping[str, str]:
        return self.variables

    def now(self) -> datetime:
        return datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)

    def random(self, count: int) -> bytes:
        return bytes(index % 251 for index in range(count))


def rendered(text: str, world: World | None = None, **options: Any) -> str:
    """The text that a template gives; nothing may be missing."""
    done = Template.parse(text, name="test.tpl").render(world or Known(), Options(**options))
    assert done.missing == ()
    return done.text
