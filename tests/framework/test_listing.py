from __future__ import annotations

from typing import Any

import pytest

from strongroom.errors import BadRequest
from strongroom.framework.listing import folder, page
from strongroom.logical import Operation, Request


def listing(**data: Any) -> Request:
    return Request("1", Operation.LIST, "x", data)


def test_a_folder_ends_in_a_slash() -> None:
    assert [folder(""), folder("a"), folder("a/")] == ["", "a/", "a/"]


def test_a_page() -> None:
    assert page(listing()) == ("", -1)
    assert page(listing(after="b", limit="10")) == ("b", 10)
    assert page(listing(limit="")) == ("", -1)


@pytest.mark.parametrize("limit", ("many", [], None))
def test_a_limit_that_is_no_number(limit: Any) -> None:
    with pytest.raises(BadRequest, match="limit"):
        page(listing(limit=limit))
