"""Programs the agent runs: started with an environment of their own, stopped within a time."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
import signal
from collections.abc import Mapping, Sequence

from msgspec import Struct

from strongroom.agent.config.stanza import ExecEnv
from strongroom.errors import StrongroomError


class Ending(Struct, frozen=True):
    """How a program is ended that takes too long: by a signal, and when that does not help by force."""

    signal: int = signal.SIGTERM
    patience: float = 2.0


class CommandFailed(StrongroomError):
    """A command could not be run, took too long, or ended with a code."""


def environment(
    rules: ExecEnv | None,
    extra: Mapping[str, str] | None = None,
    passed_on: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment of a program: the agent's as far as ``rules`` let it through, and what is added.

    Where names are the same, ``extra`` wins over what rules add, and that over ``passed_on``.
    """
    found = {} if rules is not None and rules.pristine else dict(os.environ)
    if rules is not None and not rules.pristine:
        if rules.allowlist:
            found = {k: v for k, v in found.items() if _matches(k, rules.allowlist)}
        found = {k: v for k, v in found.items() if not _matches(k, rules.denylist)}
    found |= dict(passed_on or {})
    if rules is not None:
        found |= dict(each.partition("=")[::2] for each in rules.custom)
    return found | dict(extra or {})


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


async def start(
    command: Sequence[str], env: Mapping[str, str] | None = None, *, reads_ours: bool = False
) -> asyncio.subprocess.Process:
    """Start a program; it writes where the agent writes, and may read there. Raises CommandFailed."""
    if len(command) == 1 and " " in command[0]:
        command = ("/bin/sh", "-c", command[0])  # a list of one line, as old configurations have it
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            env=None if env is None else dict(env),
            stdin=None if reads_ours else asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its words cannot be passed on"
        raise CommandFailed(f"{command[0]} cannot be run: {reason}") from None


async def run(
    command: Sequence[str],
    timeout: float,  # noqa: ASYNC109  part of what is promised
    env: Mapping[str, str] | None = None,
    ending: Ending | None = None,
) -> None:
    """Run a command to its end. Raises CommandFailed; the sentence names the program only."""
    ending = ending or Ending()
    process = await start(command, env)
    try:
        async with asyncio.timeout(timeout or None):
            code = await process.wait()
    except TimeoutError:
        await stop(process, ending.signal, ending.patience)
        raise CommandFailed(f"{command[0]} did not end within {timeout:g} seconds") from None
    except BaseException:
        await asyncio.shield(stop(process, ending.signal, ending.patience))
        raise
    if code:
        raise CommandFailed(f"{command[0]} ended with {_told(code)}")


async def stop(process: asyncio.subprocess.Process, number: int, patience: float) -> int:
    """Ask a program and what it started to end, and kill them when they do not; gives its code."""
    if process.returncode is None:
        send(process, number or signal.SIGKILL)
        try:
            async with asyncio.timeout(patience):
                await process.wait()
        except TimeoutError:
            send(process, signal.SIGKILL)
            await process.wait()
    return exit_code(await process.wait())


def send(process: asyncio.subprocess.Process, number: int) -> None:
    """A signal to a program and all in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def exit_code(code: int) -> int:
    """The code as a shell tells it: 128 and the signal for a program that one ended."""
    return code if code >= 0 else 128 - code


def _told(code: int) -> str:
    return f"code {code}" if code > 0 else f"signal {-code}"
