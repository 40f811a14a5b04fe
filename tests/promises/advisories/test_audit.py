"""The audit log."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from strongroom.config.load import dev
from tests.inprocess import InProcess, inprocess
from tests.promises.advisories.asking import CANARY


def test_cve_2025_62513_cve_2025_62705_raw_bodies_and_bytes_are_not_in_the_audit_log(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    encoded = base64.b64encode(CANARY.encode()).decode()
    config = dev(address="127.0.0.1:0")
    object.__setattr__(config, "raw_storage_endpoint", True)

    async def scenario(api: InProcess) -> None:
        device = {"type": "file", "options": {"file_path": str(log)}}
        assert (await api("POST", "sys/audit/log", device)).status == 204
        assert (await api("POST", "sys/raw/sys/policy/x", {"value": CANARY})).status == 204
        assert (
            await api("POST", "sys/raw/sys/policy/y", {"value": encoded, "encoding": "base64"})
        ).status == 204
        for path in ("sys/raw/sys/policy/x", "sys/raw/sys/policy/y", "sys/raw/sys/policy/x?encoding=base64"):
            answer = await api("GET", path)
            assert answer.data["value"] in (CANARY, encoded), answer
        deep = {"data": {"a": [{"b": [CANARY, {"c": encoded}]}]}}
        assert (await api("POST", "secret/data/a", deep)).status == 200
        assert (await api("GET", "secret/data/a")).data["data"] == deep["data"]
        await api("POST", "secret/data/b", f'"{CANARY}"'.encode())

    inprocess(scenario, config)
    text = log.read_text()
    assert text.count("\n") > 10
    assert CANARY not in text
    assert encoded[:-4] not in text


@pytest.mark.parametrize(
    "options",
    ({"mode": "0777"}, {"mode": "0755"}, {"mode": "4644"}, {"prefix": "#!/bin/sh\n"}, {"mode": "u+x"}),
)
def test_cve_2025_6000_an_audit_file_is_never_a_program(tmp_path: Path, options: dict[str, str]) -> None:
    log = tmp_path / "audit.log"

    async def scenario(api: InProcess) -> None:
        device = {"type": "file", "options": {"file_path": str(log)} | options}
        answer = await api("POST", "sys/audit/log", device)
        if answer.status == 204:
            await api("GET", "sys/mounts")
            assert not log.read_text().startswith("#!")
            assert not log.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        digest = {"sha256": "00" * 32, "command": "audit.log"}
        assert (await api("POST", "sys/plugins/catalog/secret/x", digest)).status in (400, 403)

    inprocess(scenario)
