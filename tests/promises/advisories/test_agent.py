"""The agent and its proxy."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from strongroom.template import Secret, SecretRead, TemplateError
from tests.promises.advisories.asking import CANARY
from tests.proxying import approle_of, start_proxy
from tests.server import STRONGROOM, Server, running, wait_until
from tests.template.world import Known, rendered


@pytest.mark.parametrize(
    "failing",
    (
        "{{ .Data.password | parseInt }}",
        "{{ index .Data .Data.password 1 }}",
        "{{ .Data.password.field }}",
        "{{ .Data.password | parseJSON }}",
        "{{ .Data.password | timestamp | parseBool }}",
        "{{ template .Data.password }}",
        "{{ .Data.password | regexMatch `(` }}",
    ),
)
def test_ghsa_444v_8vxr_p36h_a_template_that_fails_tells_no_secret(failing: str) -> None:
    text = f'before {{{{ with secret "kv/a" }}}}{{{{ .Data.password }}}}{failing}{{{{ end }}}}'
    with pytest.raises(TemplateError) as told:
        rendered(text, Known({SecretRead("kv/a"): Secret(data={"password": CANARY})}))
    assert CANARY not in str(told.value)
    assert CANARY not in repr(told.value)


def test_hardening_agent_a_proxy_with_a_token_of_its_own_is_for_its_own_user(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "cache" / "s"
    (tmp_path / "account").write_text("of a pod")
    rest = f"""
cache {{
  persist "kubernetes" {{
    path = "{tmp_path / "cache"}"
    service_account_token_file = "{tmp_path / "account"}"
  }}
}}
listener "unix" {{ address = "{path}" tls_disable = true }}
"""
    login = approle_of(server, tmp_path / "credentials", "hardened")
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, rest=rest, credentials=login)) as proxy:
        wait_until(path.exists, proxy)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for file in (tmp_path / "cache").iterdir():
            assert not stat.S_IMODE(file.stat().st_mode) & 0o077, file
        assert "id" not in proxy.api.get("auth/token/lookup-self").data
