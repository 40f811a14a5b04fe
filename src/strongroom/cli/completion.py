"""``completion``: scripts that let a shell complete commands and flags.

The scripts ask nothing of the server and nothing of this program: words and flags are
written into them from the declarations.
"""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure
from strongroom.cli.tree import COMMON, GROUPS, OTHER, every_command

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

SHELLS = ("bash", "zsh", "fish")
FORMATS = "table json yaml pretty"
BASH = """\
_{name}_complete() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" words="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $word == -* ]] || words="${{words:+$words }}$word"
    done
    while :; do
        case "$words" in
{cases}
            "") break ;;
            *" "*) words="${{words% *}}" ;;
            *) words="" ;;
        esac
    done
}}
_{name}_offer() {{
    COMPREPLY=()
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$2" -- "${{current/#--/-}}"))
        [[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace
    elif [[ -n $1 ]]; then
        COMPREPLY=($(compgen -W "$1" -- "$current"))
    else
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}}
complete -o default -F _{name}_complete {name}
"""


@commands.add("completion bash")
def bash(session: Session) -> int:
    """Print the completion script for bash.

    $ source <({name} completion bash)
    """
    session.print(bash_script(session.name))
    return 0


@commands.add("completion zsh")
def zsh(session: Session) -> int:
    """Print the completion script for zsh.

    $ source <({name} completion zsh)
    """
    session.print(f"autoload -U +X bashcompinit && bashcompinit\n{bash_script(session.name)}")
    return 0


@commands.add("completion fish")
def fish(session: Session) -> int:
    """Print the completion script for fish.

    $ {name} completion fish | source
    """
    session.print(fish_script(session.name))
    return 0


def words_below() -> dict[str, list[str]]:
    """The words that may follow each word or group; the root is the empty string."""
    below: dict[str, list[str]] = {"": sorted([*COMMON, *OTHER])}
    for command in every_command():
        head, _, last = command.words.rpartition(" ")
        while head:
            below.setdefault(head, [])
            if last not in below[head]:
                below[head].append(last)
            head, _, last = head.rpartition(" ")
    return below


def bash_script(name: str) -> str:
    """The script for bash, and for zsh in its bash mode."""
    cases = [_case(name, words, " ".join(below), "-help") for words, below in words_below().items()]
    for command in every_command():
        flags = " ".join(
            f"-{flag.name}{'' if flag.kind == 'bool' else '='}" for flag in command.flags if not flag.hidden
        )
        cases.append(_case(name, command.words, "", f"-help {flags}"))
    return BASH.format(name=_identifier(name), cases="\n".join(cases)).replace(
        f"{_identifier(name)}_complete {_identifier(name)}\n", f"{_identifier(name)}_complete {name}\n"
    )


def _case(name: str, words: str, below: str, flags: str) -> str:
    return f'            "{words}") _{_identifier(name)}_offer "{below}" "{flags}"; return ;;'


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def fish_script(name: str) -> str:
    """The script for fish, with a description beside every word and flag."""
    lines = [f"complete -c {name} -e"]
    texts = {word: text for word, (_, text) in (*COMMON.items(), *OTHER.items())}
    for words, below in words_below().items():
        for word in below:
            full = f"{words} {word}".strip()
            text = texts.get(full) or GROUPS.get(full, "").rstrip(".") or _synopsis(full)
            lines.append(_fish(name, _condition(words, [*below]), f"-f -a {word}", text))
    for command in every_command():
        condition = _condition(command.words, [])
        for flag in command.flags:
            if not flag.hidden:
                value = (
                    f" -x -a '{FORMATS}'" if flag.name == "format" else " -r" if flag.kind != "bool" else ""
                )
                lines.append(_fish(name, condition, f"-o {flag.name}{value}", flag.help))
    return "\n".join(lines)


def _synopsis(words: str) -> str:
    return next((command.synopsis for command in every_command() if command.words == words), "")


def _condition(words: str, below: list[str]) -> str:
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in words.split())
    missing = f"not __fish_seen_subcommand_from {' '.join(below)}" if below else ""
    return "; and ".join(filter(None, (seen, missing)))


def _fish(name: str, condition: str, what: str, text: str) -> str:
    description = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"complete -c {name} -n '{condition}' {what} -d '{description}'"


@commands.add("completion install", "[SHELL]", count=(0, 1))
def install(session: Session) -> int:
    """Make the user's shell load the completion script whenever it starts.

    SHELL is bash, zsh or fish; without it, the one in the variable SHELL.
    """
    environ = session.terminal.environ
    shell = session.arguments[0] if session.arguments else environ.get("SHELL", "").rpartition("/")[2]
    home = environ.get("HOME", "")
    if shell not in SHELLS or not home:
        raise Failure(
            f'Completion exists for {", ".join(SHELLS)}; name one: "{session.name} completion install bash"',
            1,
        )
    path, line = _startup(shell, home, session.name)
    if _append_once(path, line):
        return session.succeed(f"Completion for {shell} is set up in {path}")
    session.print(f"Completion for {shell} was set up in {path} already")
    return 0


def _startup(shell: str, home: str, name: str) -> tuple[str, str]:
    if shell == "fish":
        return f"{home}/.config/fish/config.fish", f"{name} completion fish | source"
    return f"{home}/.{shell}rc", f"source <({name} completion {shell})"


def _append_once(path: str, line: str) -> bool:
    """Whether ``line`` had to be added to the file at ``path``."""
    import os  # noqa: PLC0415 (already loaded; kept beside its use)

    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 (pathlib is slow to import)
        with open(path, "a+", encoding="utf-8") as file:  # noqa: PTH123 (as above)
            file.seek(0)
            text = file.read()
            if line in text.splitlines():
                return False
            file.write(("" if not text or text.endswith("\n") else "\n") + line + "\n")
    except OSError as error:
        raise Failure(f"Error writing {path}: {error.strerror}", 1) from error
    return True
