"""Functions that read from other systems are refused in words that say so, where they stand."""

from __future__ import annotations

import pytest

from strongroom.template import Template, TemplateError
from strongroom.template.foreign import CONSUL, NOMAD, unknown


@pytest.mark.parametrize("name", sorted(CONSUL | NOMAD))
def test_a_foreign_function_is_refused_where_it_stands(name: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(f'one\n  {{{{ range {name} "a" }}}}{{{{ end }}}}', name="in.ctmpl")
    system = "Nomad" if name in NOMAD else "Consul"
    assert str(caught.value) == f'in.ctmpl:2:12: function "{name}" reads {system}, which is not read here'


def test_any_other_is_just_not_there() -> None:
    assert unknown("nonsense") == "not defined"
