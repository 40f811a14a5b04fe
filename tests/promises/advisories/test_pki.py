"""Certificates."""

from __future__ import annotations

from tests.inprocess import InProcess, inprocess
from tests.secrets.pki import csr
from tests.secrets.pki.authority import ANY, issued, mounted, role


def test_ghsa_g892_p242_8g86_networks_hold_for_addresses_in_requests_too() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "net", **ANY, allowed_ip_sans_cidr="192.168.0.0/16")
        for path, body in (
            ("sign/net", {"csr": csr.ADDRESS}),
            ("issuer/root/sign/net", {"csr": csr.ADDRESS}),
            ("issue/net", {"common_name": "x", "ip_sans": "10.0.0.1"}),
            ("issue/net", {"common_name": "x", "ip_sans": "::ffff:10.0.0.1"}),
        ):
            assert (await api("POST", f"pki/{path}", body)).status == 400, path
        await issued(api, "net", ip_sans="192.168.7.7")

    inprocess(scenario)
