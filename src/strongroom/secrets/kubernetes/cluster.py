"""A cluster, spoken to by its API server: make a thing, delete it, ask for a token."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from strongroom.errors import BadRequest, StrongroomError
from strongroom.secrets.kubernetes.manifest import MARK, Plan, Thing
from strongroom.upstream.http import Answer, Target, segment, send

_MAX_MESSAGE = 300


@dataclass(slots=True)
class Config:
    """How to reach a cluster. What is empty is found in the pod that the server runs in, if it may be."""

    kubernetes_host: str = ""
    kubernetes_ca_cert: str = ""
    service_account_jwt: str = ""
    disable_local_ca_jwt: bool = False


class Pod:
    """What Kubernetes puts into every pod: the address of its API, the CA, and an account's token."""

    VARIABLES: ClassVar[tuple[str, str]] = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT_HTTPS")
    folder: ClassVar[Path] = Path("/var/run/secrets/kubernetes.io/serviceaccount")

    @classmethod
    def missing(cls) -> list[str]:
        """Names of the variables that are not set; empty inside a pod."""
        return [name for name in cls.VARIABLES if not os.environ.get(name)]

    @classmethod
    def address(cls) -> str:
        """The address of the API, or nothing outside a pod."""
        if cls.missing():
            return ""
        host, port = (os.environ[name] for name in cls.VARIABLES)
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    @classmethod
    def read(cls, name: str) -> str:
        """A file of the account; Kubernetes replaces them, so they are read each time."""
        try:
            return (cls.folder / name).read_text().strip()
        except OSError:
            return ""


class Cluster:
    """Calls to one API server."""

    def __init__(self, config: Config) -> None:
        local = not config.disable_local_ca_jwt
        ca = config.kubernetes_ca_cert or (Pod.read("ca.crt") if local else "")
        token = config.service_account_jwt or (Pod.read("token") if local else "")
        if not token:
            raise BadRequest("no service_account_jwt is configured, and there is none of a pod")
        self._target = Target("Kubernetes", config.kubernetes_host or Pod.address(), ca=ca)
        self._headers = {"Authorization": f"Bearer {token}"}

    async def _call(self, method: str, *path: str, json: Any = None) -> Answer:
        where = "/" + "/".join(segment(part) for part in path)
        return await send(self._target, method, where, headers=self._headers, json=json)

    async def labels(self, namespace: str) -> dict[str, str] | None:
        """The labels of a namespace; None where there is no such namespace."""
        answer = await self._call("GET", "api", "v1", "namespaces", namespace)
        if answer.status == 404:
            return None
        if not answer.ok:
            raise _refused(answer, f"reading the namespace {namespace}")
        found: dict[str, str] = answer.json()["metadata"].get("labels") or {}
        return found

    async def make(self, plan: Plan) -> list[Thing]:
        """Make all that a plan says; gives it with the IDs the cluster gave."""
        things = plan.things()
        for thing in things:
            owner = things[0] if thing is not things[0] else None
            answer = await self._call("POST", *thing.path, json=plan.body(thing, owner))
            if not answer.ok:
                raise _refused(answer, f"creating the {thing.kind} {thing.name}")
            thing.uid = answer.json()["metadata"]["uid"]
        return things

    async def delete(self, thing: Thing) -> None:
        """Delete a thing of that ID. One that is gone, or another of the same name, is left alone."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": thing.uid}}
        answer = await self._call("DELETE", *thing.path, thing.name, json=options)
        if not answer.ok and answer.status not in {404, 409}:
            raise _refused(answer, f"deleting the {thing.kind} {thing.name}")

    async def delete_marked(self, thing: Thing, mark: str) -> None:
        """Delete a thing if it carries the mark: whatever else has the name was there before."""
        answer = await self._call("GET", *thing.path, thing.name)
        if answer.status == 404:
            return
        if not answer.ok:
            raise _refused(answer, f"reading the {thing.kind} {thing.name}")
        metadata = answer.json()["metadata"]
        if (metadata.get("annotations") or {}).get(MARK) == mark:
            await self.delete(Thing(thing.resource, thing.namespace, thing.name, metadata["uid"]))

    async def token(
        self, namespace: str, account: str, seconds: int, audiences: list[str]
    ) -> tuple[str, int]:
        """A token of a service account, and for how many seconds the cluster made it."""
        spec = {"expirationSeconds": seconds} | ({"audiences": audiences} if audiences else {})
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = ("api", "v1", "namespaces", namespace, "serviceaccounts", account, "token")
        answer = await self._call("POST", *path, json=body)
        if not answer.ok:
            raise _refused(answer, f"creating a token for {namespace}/{account}")
        made = answer.json()
        granted = made.get("spec", {}).get("expirationSeconds")
        return made["status"]["token"], granted if isinstance(granted, int) else seconds


def _refused(answer: Answer, doing: str) -> StrongroomError:
    """The error for a refusal, with the sentence that Kubernetes gives: it names things, never secrets."""
    error = answer.failed(doing)
    try:
        message = str(answer.json().get("message", ""))
    except (StrongroomError, AttributeError):
        return error
    if message:
        kept = "".join(char if char.isprintable() else " " for char in message[:_MAX_MESSAGE])
        return type(error)(f"{error.public}: {kept}", cause=error.cause)
    return error
