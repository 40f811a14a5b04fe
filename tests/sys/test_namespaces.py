from __future__ import annotations

from tests.inprocess import InProcess, inprocess


def test_there_are_none_and_none_can_be_made() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("LIST", "sys/namespaces")).status == 404
        assert (await api("GET", "sys/namespaces/a")).status == 404
        refused = await api("PUT", "sys/namespaces/a", {})
        assert (refused.status, refused.errors) == (400, ["namespaces are not available yet"])
        merge = {"Content-Type": "application/merge-patch+json"}
        assert (await api("PATCH", "sys/namespaces/a", {}, merge)).status == 400
        assert (await api("DELETE", "sys/namespaces/a")).json["warnings"]
        assert (await api("GET", "sys/internal/ui/namespaces")).data == {}
        assert (await api("GET", "sys/internal/ui/namespaces", token=None)).status == 403

    inprocess(scenario)
