"""Templates made by a grammar: the peer's agent and we agree on the bytes of each, or both refuse it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.server import Server
from tests.template.agent import Remote, peer_renders, we_render

DATA = """
{"a":1,"b":"text <é>","c":[1,"x",null,{"k":"v"}],"d":{"x":{"y":"z"},"n":2.5,"t":true},"e":[],"f":"","g":null}
"""
PATHS = """
    .a .b .c .d .d.x .d.x.y .d.n .d.t .e .f .g .nope .d.nope $ .
""".split()  # noqa: SIM905 - words
LITERALS = (
    "0",
    "1",
    "-2",
    "2.5",
    "1e3",
    "true",
    "false",
    '"x"',
    '""',
    "`a b`",
    '"é\\n"',
    "'a'",
    "nil",
    "0x1f",
    "1i",
    "1e21",
    "0b11",
)
UNARY = """
    len not print html js urlquery toJSON toJSONPretty toYAML toUnescapedJSON toUpper toTitle
    trimSpace base64Encode sprig_quote sprig_kindOf sprig_empty sprig_toString sprig_int
    sprig_float64 sprig_first sprig_last sprig_reverse sprig_uniq sprig_compact sprig_toStrings
    sprig_typeOf sprig_list parseInt parseFloat parseBool md5sum sprig_title sprig_snakecase
    sprig_sortAlpha sprig_initials
""".split()  # noqa: SIM905 - words
BINARY = """
    eq ne lt le gt ge and or index add subtract multiply in contains print println sprig_add
    sprig_default sprig_coalesce sprig_append sprig_has sprig_join split trimPrefix sprig_trunc
    sprig_deepEqual slice sprig_max sprig_sub minimum maximum sprig_cat sprig_hasPrefix
""".split()  # noqa: SIM905 - words
VERBS = """
    %v %d %s %q %x %5v| %-6v| %T %t %.2f %05d %+v %g %#v %c %U %e %o %08.3f %+d
""".split()  # noqa: SIM905 - words

atoms = st.sampled_from(PATHS) | st.sampled_from(LITERALS) | st.just("$v")


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {})".format, st.sampled_from(UNARY), inner),
        st.builds("({} {} {})".format, st.sampled_from(BINARY), inner, inner),
        st.builds('(printf "{}" {})'.format, st.sampled_from(VERBS), inner),
        st.builds("({} | {})".format, inner, st.sampled_from(UNARY)),
    )


values = st.recursive(atoms, _calls, max_leaves=5)
text = st.sampled_from(("", " ", "x", "\n", " a\n\t", "} {", "é"))
marks = st.sampled_from((("{{ ", " }}"), ("{{- ", " }}"), ("{{ ", " -}}"), ("{{- ", " -}}"), ("{{", "}}")))


def _wrap(mark: tuple[str, str], inside: str) -> str:
    return f"{mark[0]}{inside}{mark[1]}"


def action(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_wrap, marks, inside)


end = action(st.just("end"))
otherwise = action(st.just("else"))
shown = action(values)
leave = action(st.sampled_from(("break", "continue")))
SHOWN = '{{ define "shown" }}<{{ with . }}{{ . }}{{ else }}-{{ end }}>{{ end }}'


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def block(word: str) -> st.SearchStrategy[str]:
        return action(st.builds(f"{word} {{}}".format, values))

    return st.one_of(
        st.builds("{}{}{}{}{}".format, text, inner, text, inner, text),
        st.builds("{}{}{}".format, block("if"), inner, end),
        st.builds("{}{}{}{}{}".format, block("if"), inner, otherwise, inner, end),
        st.builds(
            "{}{}{}{}{}{}{}".format, block("if"), inner, block("else if"), inner, otherwise, inner, end
        ),
        st.builds("{}{}{}{}{}".format, block("with"), inner, otherwise, inner, end),
        st.builds("{}{}{}{}{}".format, block("range"), inner, otherwise, inner, end),
        st.builds("{}{}{}".format, block("range $i, $v :="), inner, end),
        st.builds("{}{}{}{}{}".format, block("with"), inner, block("else with"), inner, end),
        st.builds("{}{}{}{}{}{}".format, block("range"), block("if"), leave, end, inner, end),
        block('template "shown"'),
        st.builds("{}{}".format, block("$v :="), inner),
        st.builds("{}{}".format, block("$v ="), inner),
    )


templates = st.recursive(shown | text, _blocks, max_leaves=6)


def generated(count: int) -> list[str]:
    """So many templates, always the same ones."""
    made: dict[str, None] = {}

    @seed(2026)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(templates)
    def collect(template: str) -> None:
        made[f"{SHOWN}{{{{ $v := 7 }}}}{{{{ with parseJSON `{DATA}` }}}}{template}{{{{ end }}}}"] = None

    collect()
    return list(made)


def test_whatever_the_grammar_makes(peer: Server, tmp_path: Path) -> None:
    texts = generated(600)
    theirs = peer_renders(peer, tmp_path / "agent", texts)
    rendered = [expected for expected in theirs if expected is not None]
    assert len(rendered) > len(texts) // 5
    world = Remote(peer)
    wrong = [
        (template, expected, ours)
        for template, expected in zip(texts, theirs, strict=True)
        if (ours := we_render(template, world)) != expected
    ]
    assert not wrong, "\n".join(map(repr, wrong))
