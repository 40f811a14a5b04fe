"""OCSP at a login: whom responders let in, and what happens when they do not answer."""

from __future__ import annotations

from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.auth.cert.publisher import Publisher
from tests.auth.cert.visitor import DAY, OTHER, ROOT, login, mounted, role
from tests.certificates import Responder, authority_access, certificate
from tests.inprocess import InProcess, inprocess
from tests.leasing import later
from tests.listener.authority import Issued
from tests.upstream.simulator import serving

CLIENT = certificate("client", ROOT)
SERIAL = frozenset([CLIENT.certificate.serial_number])
_UNFIT = "no chain matching all constraints could be found for this login certificate"


async def asking(api: InProcess, publisher: Publisher, *servers: str, **fields: Any) -> None:
    fields = {"ocsp_max_retries": 0} | fields
    if servers:
        fields["ocsp_servers_override"] = [f"{publisher.url}/{one}" for one in servers]
    answer = await role(api, ocsp_enabled=True, **fields)
    assert answer.status == 204, answer


async def let_in(api: InProcess, client: Issued = CLIENT, *sent: Issued) -> bool:
    answer = await login(api, client, *sent)
    assert answer.status == 200 or answer.errors[0].startswith(_UNFIT), answer
    return answer.status == 200


def test_what_a_responder_says() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        with serving(Publisher()) as publisher:
            publisher.responders = {
                "good": Responder(ROOT, ROOT),
                "revoked": Responder(ROOT, ROOT, revoked=SERIAL),
                "unknown": Responder(ROOT, ROOT, unknown=SERIAL),
                "stranger": Responder(ROOT, OTHER),
            }
            for servers, fields, fine in (
                (["good"], {}, True),
                (["revoked"], {}, False),
                (["unknown"], {}, False),
                (["stranger"], {}, False),
                (["none"], {}, False),
                (["revoked"], {"ocsp_fail_open": True}, False),
                (["unknown"], {"ocsp_fail_open": True}, True),
                (["stranger"], {"ocsp_fail_open": True}, True),
                (["none"], {"ocsp_fail_open": True}, True),
                (["none", "good"], {"ocsp_fail_open": False}, True),
                (["good", "revoked"], {}, True),
                (["good", "revoked"], {"ocsp_query_all_servers": True}, False),
                (["good", "none"], {}, False),
                (["good", "none"], {"ocsp_fail_open": True}, True),
                (["good", "good"], {"ocsp_fail_open": False}, True),
                (["stranger"], {"ocsp_ca_certificates": OTHER.pem}, True),
            ):
                await asking(api, publisher, *servers, **fields)
                assert await let_in(api) is fine, (servers, fields)

    inprocess(scenario)


def test_the_responder_that_the_certificate_names() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        with serving(Publisher()) as publisher:
            named = certificate("client", ROOT, further=[authority_access(f"{publisher.url}/own")])
            delegate = certificate("answers", ROOT, usages=[ExtendedKeyUsageOID.OCSP_SIGNING])
            publisher.responders = {"own": Responder(ROOT, delegate)}
            await asking(api, publisher)
            assert await let_in(api, named)
            assert not await let_in(api), "no responder is known"
            publisher.down = True
            assert await let_in(api, named), "the answer still holds"
            with later(api.core, 2 * DAY):
                assert not await let_in(api, named)
            publisher.down = False
            publisher.responders = {"own": Responder(ROOT, delegate, lasts=None)}
            fresh = certificate("client", ROOT, further=[authority_access(f"{publisher.url}/own")])
            assert await let_in(api, fresh)
            publisher.down = True
            assert not await let_in(api, fresh), "an answer that names no end is asked for again"

    inprocess(scenario)


def test_retries_and_age() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        with serving(Publisher()) as publisher:
            publisher.responders = {"old": Responder(ROOT, ROOT, began=-0.5)}
            await asking(api, publisher, "old", ocsp_this_update_max_age=3600)
            assert not await let_in(api)
            await asking(api, publisher, "old", ocsp_this_update_max_age="24h")
            assert await let_in(api)
            publisher.calls.clear()
            publisher.status = 503
            await asking(api, publisher, "old", ocsp_max_retries=2)
            assert not await let_in(api)
            assert len(publisher.calls) == 3

    inprocess(scenario)


def test_the_cache_holds_so_many_answers() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api("POST", "auth/cert/config", {"ocsp_cache_size": 2})
        with serving(Publisher()) as publisher:
            publisher.responders = {"good": Responder(ROOT, ROOT)}
            await asking(api, publisher, "good")
            clients = [certificate(f"c{number}", ROOT) for number in range(3)]
            for client in clients:
                assert await let_in(api, client)
            publisher.calls.clear()
            assert await let_in(api, clients[2])
            assert await let_in(api, clients[1])
            assert not publisher.calls
            assert await let_in(api, clients[0])
            assert len(publisher.calls) == 1

    inprocess(scenario)


def test_leaves_that_are_trusted_by_themselves() -> None:
    """Whoever leaves the issuer out does not get around the question."""
    pinned = certificate("pinned", ROOT)
    alone = certificate("alone")

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        with serving(Publisher()) as publisher:
            revoked = frozenset([pinned.certificate.serial_number])
            publisher.responders = {
                "bad": Responder(ROOT, ROOT, revoked=revoked),
                "good": Responder(ROOT, ROOT),
            }
            await asking(api, publisher, "good", trusted=pinned)
            assert not await let_in(api, pinned), "the issuer is not known"
            assert await let_in(api, pinned, ROOT)
            await asking(api, publisher, "good", certificate=pinned.pem + ROOT.pem)
            assert await let_in(api, pinned)
            await asking(api, publisher, "bad", certificate=pinned.pem + ROOT.pem)
            assert not await let_in(api, pinned)
            await asking(api, publisher, "bad", trusted=alone)
            assert await let_in(api, alone), "nobody could revoke what issued itself"

    inprocess(scenario)
