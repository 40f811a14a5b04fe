"""A template ends in bounded time and memory, with an error, and errors never tell a value."""

from __future__ import annotations

import re
import time

import pytest

from strongroom.template import ExecutionError, Template, TemplateError
from strongroom.template.functions import whole
from tests.template.world import Known, rendered

SELF = '{{ $a := sprig_dict }}{{ $_ := sprig_set $a "x" $a }}{{ $_ := sprig_set $a "y" $a }}'
SHARED = '{{ $a := sprig_dict "x" 1 }}' + '{{ $a = sprig_dict "p" $a "q" $a }}' * 60
LARGE = '{{ $s := sprig_repeat 1000000 "a" }}'
CYCLES = ("$a", "toJSON $a", "toYAML $a", "toTOML $a", "spew_sdump $a", 'printf "%v" $a', "mergeMap $a $a",
          "sprig_deepCopy $a", "sprig_deepEqual $a $a", "sprig_has $a (sprig_list $a)")  # fmt: skip


@pytest.mark.parametrize("call", CYCLES)
def test_values_that_hold_themselves(call: str) -> None:
    with pytest.raises(ExecutionError, match="too large or nested too deeply"):
        rendered(f"{SELF}{{{{ {call} }}}}")


def test_values_whose_parts_multiply() -> None:
    with pytest.raises(ExecutionError, match="too large"):
        rendered(f"{SHARED}{{{{ toJSON $a }}}}")


@pytest.mark.parametrize(
    "text",
    (
        '{{ indent 1000000000 "a" }}',
        '{{ sprig_repeat 1000000000 "ab" }}',
        '{{ printf "' + "%1000000d" * 100 + '"' + " 1" * 100 + " }}",
        LARGE + '{{ replaceAll "" $s $s }}',
        LARGE + '{{ regexReplaceAll "a" $s $s }}',
        LARGE + "{{ sprig_join $s (sprig_until 1000) }}",
        "{{ sprig_until 2000000000 }}",
        "{{ sprig_randBytes 100000000 }}",
        '{{ regexMatch "((a{1000}){1000}){1000}" "a" }}',
        '{{ regexMatch (sprig_repeat 100000 "a|") "a" }}',
        '{{ regexMatch (sprig_repeat 100000 "(") "a" }}',
        '{{ sprig_semverCompare (sprig_repeat 100000 ">") "1.2.3" }}',
        '{{ parseJSON (sprig_repeat 100000 "[") }}',
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ if 1 }}" * 5000 + "{{ end }}" * 5000,
    ),
)
def test_what_would_be_too_large(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(TemplateError):
        rendered(text)
    assert time.process_time() - begun < 10


def test_work_is_counted_by_size() -> None:
    with pytest.raises(ExecutionError, match="steps"):
        rendered(LARGE + "{{ range loop 1000 }}{{ $x := len $s }}{{ end }}")


def test_a_chain_of_conditions_is_no_nesting() -> None:
    chain = "".join(f"{{{{ else if eq . {number} }}}}{number}" for number in range(1000))
    assert rendered(f"{{{{ with 999 }}}}{{{{ if false }}}}{chain}{{{{ end }}}}{{{{ end }}}}") == "999"


CANARY = "CANARYx7"
VALUES = (
    "$c", ".c", ".l", ".m", ".s", ".j", ".u", ".n", "(print $c)", "(sprig_list $c)", "(sprig_dict $c $c)",
    "nil", "1", '"x"', '(split "," .s)',
)  # fmt: skip
DATA = """{"c":"CANARYx7","l":["CANARYx7",1],"m":{"CANARYx7":"CANARYx7"},"n":7777123,
"s":"CANARYx7,[CANARYx7(","j":"{CANARYx7","u":"http://CANARYx7:pw@[CANARYx7%zz"}"""
BEFORE = f'{{{{ $c := "{CANARY}" }}}}{{{{ with parseJSON `{DATA}` }}}}'
SLOW = {"sprig_genPrivateKey", "sprig_bcrypt", "sprig_htpasswd"}


def _told(call: str) -> str:
    """The error of a call, if it fails."""
    try:
        Template.parse(f"{BEFORE}{{{{ {call} }}}}{{{{ end }}}}", name="t.tpl").render(Known())
    except TemplateError as error:
        return str(error)
    return "t.tpl:0:0: "


@pytest.mark.parametrize("name", sorted(set(whole()) - SLOW))
def test_no_error_tells_a_value(name: str) -> None:
    function = whole().get(name)
    assert function is not None
    count = min(len(function.parameters) + (function.variadic is not None), 3)
    for start in range(len(VALUES)):
        words = [VALUES[(start + 4 * place) % len(VALUES)] for place in range(count)]
        told = _told(" ".join([name, *words]))
        assert re.match(r"t\.tpl:\d+:\d+: ", told)
        assert CANARY not in told, words
        assert "7777123" not in told, words
