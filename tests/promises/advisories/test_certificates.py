"""Client certificates."""

from __future__ import annotations

from cryptography import x509

from tests.auth.cert import visitor
from tests.certificates import certificate
from tests.inprocess import InProcess, inprocess
from tests.leasing import later
from tests.listener.authority import Issued


def test_gh_173_a_leaf_is_trusted_by_all_its_bytes() -> None:
    """The same name, serial number, key identifier and even key make no other certificate fit."""
    pinned = certificate("pinned", serial=77)

    async def scenario(api: InProcess) -> None:
        await visitor.mounted(api)
        assert (await visitor.role(api, trusted=pinned)).status == 204
        assert (await visitor.login(api, pinned)).status == 200
        forged = Issued(visitor.again(pinned), pinned.key, None)
        for other in (certificate("pinned", serial=77), forged):
            assert (await visitor.login(api, other)).status == 400
            assert (await visitor.login(api, other, name="web")).status == 400
            assert (await visitor.login(api, other, pinned)).status == 400

    inprocess(scenario)


def test_cve_2026_39388_a_renewal_needs_the_certificate_of_the_login() -> None:
    """Any other certificate, however good, renews nothing."""

    async def scenario(api: InProcess) -> None:
        await visitor.mounted(api)
        await visitor.role(api, token_policies="a", token_ttl=100)
        token = (await visitor.login(api, visitor.CLIENT)).json["auth"]["client_token"]
        with later(api.core, 50):
            assert (await visitor.renew(api, token)).errors == ["no client certificate found"]
            twin = certificate("client", visitor.ROOT, names=[x509.DNSName("client.example.com")])
            resigned = Issued(visitor.again(visitor.CLIENT), visitor.CLIENT.key, visitor.ROOT)
            for other in (twin, resigned):
                answer = await visitor.renew(api, token, other)
                assert answer.status == 400
                assert "not matching client identity used during login" in answer.errors[0]
            answer = await visitor.renew(api, token, visitor.CLIENT)
            assert answer.json["auth"]["lease_duration"] == 100
            await api("POST", "auth/cert/config", {"disable_binding": True})
            assert (await visitor.renew(api, token)).status == 200
            await visitor.role(api, token_policies="b")
            assert "policies have changed" in (await visitor.renew(api, token)).errors[0]
            await visitor.role(api, token_policies="a")
            await api("POST", "auth/cert/config", {"disable_binding": False})
            await visitor.role(api, allowed_names="nobody")
            assert "no chain matching" in (await visitor.renew(api, token, visitor.CLIENT)).errors[0]
            await visitor.role(api, allowed_names="")
            assert (await visitor.renew(api, token, visitor.CLIENT)).status == 200
            await api("DELETE", "auth/cert/certs/web")
            assert "no longer there" in (await visitor.renew(api, token, visitor.CLIENT)).errors[0]

    inprocess(scenario)
