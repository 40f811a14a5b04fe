"""``sandbox_path`` as a running agent holds to it: by where paths lead, not by how they are spelled."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from strongroom.agent.render.supply import Supply
from strongroom.agent.render.world import Machine
from strongroom.template import Options, Rendered, TemplateError, parse


@pytest.fixture
def box(tmp_path: Path) -> Path:
    made = tmp_path / "box"
    made.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret").write_text("outside")
    (made / "in").write_text("inside")
    (made / "inner").symlink_to("in")
    (made / "link").symlink_to("../out/secret")
    (made / "folder").symlink_to("../out")
    (made / "circle").symlink_to("circle")
    (tmp_path / "other").symlink_to("box")
    return made


def rendered(text: str, sandbox: Path | str) -> Rendered:
    template = parse(text, engine="go", name="t", left="{{", right="}}")
    found: Rendered = template.render(Machine(cast("Supply", None)), Options(sandbox_path=str(sandbox)))
    return found


def test_what_lies_inside_is_read(box: Path) -> None:
    for path in (box / "in", box / "inner", box / ".." / "box" / "in", box.parent / "other" / "in"):
        assert rendered(f"{{{{ file `{path}` }}}}", box).content == b"inside"
    assert rendered(f"{{{{ file `{box / 'in'}` }}}}", box.parent / "other").content == b"inside"


@pytest.mark.parametrize("name", ("link", "folder/secret", "../out/secret", "folder/../out/secret"))
def test_no_link_leads_out(box: Path, name: str) -> None:
    with pytest.raises(TemplateError, match="outside of the sandbox"):
        rendered(f"{{{{ file `{box}/{name}` }}}}", box)


@pytest.mark.parametrize("name", ("link", "folder/new", "../out/new"))
def test_nothing_is_written_outside(box: Path, name: str) -> None:
    with pytest.raises(TemplateError, match="outside of the sandbox"):
        rendered(f"{{{{ writeToFile `{box}/{name}` `` `` `0644` `x` }}}}", box)
    assert [each.path for each in rendered(f"{{{{ writeToFile `{box}/x` `` `` `0644` `x` }}}}", box).writes]


def test_paths_that_are_none_are_told(box: Path) -> None:
    assert rendered(f"{{{{ file `{box}/circle` }}}}", box).missing
    for sandbox in (box, ""):
        with pytest.raises(TemplateError, match="the path is none"):
            rendered('{{ file "a\\x00b" }}', sandbox)
