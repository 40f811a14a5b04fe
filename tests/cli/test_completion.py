from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def completed(script: str, name: str, *words: str) -> list[str]:
    """What bash offers after ``words``, the last of which is being typed."""
    line = " ".join(f"'{word}'" for word in (name, *words))
    state = f"COMP_WORDS=({line})\nCOMP_CWORD={len(words)}"
    program = f"{script}\n{state}\n_{name}_complete\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    return sorted(done.stdout.split())


@pytest.mark.parametrize("name", ("strongroom", "vault"))
def test_bash(local: Cli, name: str) -> None:
    script = local("completion", "bash", name=name).out
    assert completed(script, name, "sta") == ["status"]
    assert {"get", "put", "metadata"} <= set(completed(script, name, "kv", ""))
    assert completed(script, name, "kv", "metadata", "p") == ["patch", "put"]
    assert completed(script, name, "token", "create", "-pol") == ["-policy-override", "-policy="]
    assert completed(script, name, "token", "create", "--disp") == ["-display-name="]
    assert completed(script, name, "kv", "-h") == ["-help"]
    assert completed(script, name, "nosuch", "sta") == ["status"]


def test_fish(local: Cli) -> None:
    script = local("completion", "fish").out
    assert "-f -a status -d 'Show whether the server is sealed'" in script
    assert "-o format -x -a 'table json yaml pretty'" in script


@pytest.mark.parametrize(("shell", "flag"), (("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")))
def test_each_shell_accepts_its_script(local: Cli, tmp_path: Path, shell: str, flag: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / "script").write_text(local("completion", shell).out)
    subprocess.run([shell, flag, tmp_path / "script"], check=True)


def test_installing_once(local: Cli, tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("# mine")
    assert local("-autocomplete-install", SHELL="/bin/bash").code == 0
    assert "already" in local("completion", "install", "bash").out
    assert (tmp_path / ".bashrc").read_text() == "# mine\nsource <(strongroom completion bash)\n"
    assert local("completion", "install", "fish").code == 0
    assert (tmp_path / ".config/fish/config.fish").read_text() == "strongroom completion fish | source\n"
    assert local("completion", "install", "tcsh").code == 1
