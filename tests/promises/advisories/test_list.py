"""Every advisory is tested, wherever its test stands, or listed with the reason why it cannot apply."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from strongroom import registry

IDS = (
    "GHSA-xp3c-3jw3-4vcr",
    "GHSA-59w7-v8rr-pr4p",
    "GH-3518",
    "CVE-2025-5999",
    "CVE-2025-64761",
    "CVE-2024-9180",
    "CVE-2026-40264",
    "GHSA-c36x-h252-g9x2",
    "CVE-2026-45808",
    "GHSA-mwr2-wmgp-crj6",
    "GHSA-vv66-6rp4-wr4f",
    "CVE-2026-3605",
    "CVE-2025-6203",
    "CVE-2025-4166",
    "CVE-2025-52893",
    "CVE-2026-46405",
    "GHSA-rh46-vc3j-w2w3",
    "CVE-2026-5807",
    "GH-2125",
    "GHSA-34fc-gh42-pj53",
    "CVE-2025-62513",
    "CVE-2025-62705",
    "CVE-2025-6000",
    "CVE-2026-46358",
    "CVE-2023-24999",
    "CVE-2025-6011",
    "CVE-2025-6004",
    "CVE-2025-6015",
    "CVE-2025-6014",
    "CVE-2026-39388",
    "GH-173",
    "GH-263",
    "CVE-2026-33758",
    "CVE-2026-33757",
    "GHSA-6mwx-4547-5vc9",
    "GH-3150",
    "GHSA-g892-p242-8g86",
    "CVE-2024-7594",
    "GHSA-8w8f-r2xv-4q4j",
    "CVE-2026-39946",
    "GHSA-444v-8vxr-p36h",
    "hardening-agent",
    "CVE-2024-8185",
    "CVE-2020-16250",
    "CVE-2020-16251",
    "hardening-kubernetes",
    "hardening-barrier",
    "hardening-storage",
    "hardening-userpass",
)

NOT_YET = {
    "GHSA-34fc-gh42-pj53": "there is no recovery mode",
    "CVE-2026-46358": "requests cannot bring a login along",
    "GH-263": "JWT logins are not built",
    "CVE-2026-33758": "JWT logins are not built",
    "CVE-2026-33757": "JWT logins are not built",
    "GHSA-6mwx-4547-5vc9": "LDAP is not built",
    "GH-3150": "Kerberos is not built",
    "CVE-2020-16250": "AWS logins are not built",
    "CVE-2020-16251": "GCP logins are not built",
    "hardening-kubernetes": "Kubernetes logins are not built",
}

BUILT_LATER = ("jwt", "ldap", "kerberos", "aws", "gcp", "kubernetes")
"""Auth methods whose rows are in the list above: whoever builds one writes their tests."""


TESTED = {
    name
    for file in Path(__file__).parents[2].rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
}


def _tested(identifier: str) -> bool:
    return any(identifier.lower().replace("-", "_") in name for name in TESTED)


@pytest.mark.parametrize("identifier", IDS)
def test_each_is_tested_or_cannot_apply(identifier: str) -> None:
    assert _tested(identifier) is not (identifier in NOT_YET)


def test_nothing_is_excused_that_is_built() -> None:
    assert set(NOT_YET) <= set(IDS)
    assert not set(BUILT_LATER) & set(registry.names("auth")), "its rows need tests now"
