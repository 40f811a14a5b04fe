"""Nothing leaves without audit: every line is taken by at least one device, or the request fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from time import time_ns

from strongroom.audit.device import Device, Outcome, Tally
from strongroom.errors import AuditFailed, BadRequest
from strongroom.logical import Operation, Request, Response

Devices = tuple[Device, ...]


class Broker:
    """Hands each line to every audit device. Without a device nothing is logged.

    A line counts as taken as soon as one device has it: a device that is slow or down then costs
    neither time nor requests, only its own count of failures. ``headers`` are the request headers
    to log and whether to mask each; devices are opened with this mapping and see it change.
    """

    def __init__(self) -> None:
        self.headers: dict[str, bool] = {}
        self.requests = Tally()
        self.responses = Tally()
        self._devices: Devices = ()

    @property
    def devices(self) -> Mapping[str, Device]:
        """The devices by path."""
        return {device.config.path: device for device in self._devices}

    def log_request(self, request: Request, error: str = "") -> Awaitable[None] | None:
        """Log ``request`` before it acts; ``error`` if it will not, because it was refused.

        None when a device took the line inline, else an awaitable that ends, in bounded time, when
        one has. It, or the call itself, raises AuditFailed when none could.
        """
        devices = self._devices
        if not devices:
            return None
        now = time_ns()
        outcomes = [device.log_request(request, now, error) for device in devices]
        if None in outcomes:
            self.requests.taken += 1
            return None
        return _settle(devices, outcomes, self.requests)

    def log_response(
        self, request: Request, response: Response | None, error: str = ""
    ) -> Awaitable[None] | None:
        """Log what ``request`` is answered with, before it is. As :meth:`log_request`."""
        devices = self._devices
        if not devices:
            return None
        now = time_ns()
        outcomes = [device.log_response(request, response, now, error) for device in devices]
        if None in outcomes:
            self.responses.taken += 1
            return None
        return _settle(devices, outcomes, self.responses)

    def hash(self, path: str, value: str) -> str:
        """What stands for ``value`` in the lines of the device at ``path``. Raises BadRequest."""
        return self._device(path).format.hash(value)

    def add(self, device: Device) -> None:
        """Put ``device`` to work. Raises BadRequest when its path meets that of another."""
        self.check_path(device.config.path, self.devices)
        self._devices = (*self._devices, device)

    @staticmethod
    def check_path(path: str, others: Iterable[str]) -> None:
        """Raise BadRequest when ``path`` lies below one of ``others``, or one of them below it."""
        for other in others:
            if path.startswith(other) or other.startswith(path):
                raise BadRequest("path already in use")

    async def prove(self, device: Device, request: Request) -> None:
        """Open the target of ``device``, have it take a test line, and close it again.

        ``request`` gives the line its ID, namespace and time. Raises BadRequest.
        """
        try:
            await _test(device, request)
        finally:
            await asyncio.to_thread(device.sink.close)

    def detach(self, path: str) -> Device | None:
        """Take the device at ``path`` out of work and hand it over to be closed; None when there is none."""
        device = self.devices.get(path)
        self._devices = tuple(other for other in self._devices if other is not device)
        return device

    async def remove(self, path: str) -> None:
        """End the device at ``path``, after the lines it has queued; nothing when there is none."""
        device = self.detach(path)
        if device is not None:
            await asyncio.to_thread(device.sink.close)

    async def replace(self, devices: Devices) -> None:
        """Let just these devices work; those that are not among them end."""
        leaving = [device for device in self._devices if device not in devices]
        self._devices = devices
        for device in leaving:
            await asyncio.to_thread(device.sink.close)

    def reload(self) -> dict[str, OSError]:
        """Open all targets anew, as on SIGHUP. Returns, by path, what failed; those keep the old."""
        failures = {}
        for path, device in self.devices.items():
            try:
                device.sink.reopen()
            except OSError as error:
                failures[path] = error
        return failures

    async def close(self) -> None:
        """End all devices."""
        for path in self.devices:
            await self.remove(path)

    def _device(self, path: str) -> Device:
        device = self.devices.get(path)
        if device is None:
            raise BadRequest(f'unknown audit backend "{path}"')
        return device


def _settle(devices: Devices, outcomes: list[Outcome], tally: Tally) -> Awaitable[None]:
    """What to await when no device took the line inline."""
    if any(isinstance(outcome, asyncio.Future) for outcome in outcomes):
        return _await_first(devices, outcomes, tally)
    tally.failed += 1
    raise _failure(devices, outcomes)


async def _await_first(devices: Devices, outcomes: list[Outcome], tally: Tally) -> None:
    """Wait until one device took the line. Every future is bounded by its device's deadline."""
    pending = {outcome for outcome in outcomes if isinstance(outcome, asyncio.Future)}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if any(future.exception() is None for future in done):
            tally.taken += 1
            return
    tally.failed += 1
    raise _failure(devices, outcomes)


def _failure(devices: Devices, outcomes: list[Outcome]) -> AuditFailed:
    paths = [device.config.path for device in devices]
    causes = [outcome.exception() if isinstance(outcome, asyncio.Future) else outcome for outcome in outcomes]
    return AuditFailed(
        f"no audit device took the line: {', '.join(paths)}",
        cause="; ".join(f"{path}: {cause!r}" for path, cause in zip(paths, causes, strict=True)),
    )


async def _test(device: Device, request: Request) -> None:
    probe = Request(
        id=request.id,
        operation=Operation.UPDATE,
        path="sys/audit/test",
        namespace=request.namespace,
        now=request.now,
    )
    try:
        device.sink.reopen()
    except OSError as error:
        raise BadRequest(f"sanity check failed; unable to open the target for writing: {error}") from error
    outcome = device.log_request(probe, time_ns(), "")
    try:
        if isinstance(outcome, asyncio.Future):
            await outcome
        elif outcome is not None:
            raise outcome
    except OSError as error:
        raise BadRequest(f"audit backend failed test message: {error}") from error
