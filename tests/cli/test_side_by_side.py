"""The same command line to our command and to the peer's, against one server: first the peer's, then ours.

Exit codes are equal always. Standard output is equal after what must differ (times, random
names, the program's name) is masked; where our words are our own, the table says so.
"""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.conftest import call
from tests.server import PEER, STRONGROOM, clean_environment, running, start_dev

ROOT = "root"
SAME, WORDS = "same", "our own words"
MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000 UTC|Z)"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b(s|srs)\.[A-Za-z0-9]{24}\b"), "TOKEN"),
    (
        re.compile(r"(accessor:?\s+|\"accessor\": \"|\"wrapped_accessor\": \"|accessor: )[A-Za-z0-9]{24}"),
        r"\1ACCESSOR",
    ),
    (re.compile(r"\b(\w+)_[0-9a-f]{8}\b"), r"\1_RANDOM"),
    (re.compile(r"\$\((bao|strongroom) print token\)"), "$(print token)"),
    (re.compile(r"(\n|^)(id\s+)[A-Za-z0-9]{6}\n"), r"\1\2ID\n"),
    (re.compile(r"(Encryption Count +|\"encryptions\": )\d+"), r"\g<1>0"),
    (re.compile(r"\nWaiting [^\n]*"), ""),
    (re.compile(r"(last_renewal_time +|creation_time +)\d{10}"), r"\1SECONDS"),
    (re.compile(r"\d\d \w{3} \d\d \d\d:\d\d UTC"), "MINUTE"),
    (re.compile(r"\b[45]m\d\ds\b|\b59m\d\ds\b"), "ALMOST"),
    (re.compile(r" +"), " "),
    (re.compile(r"-{3,}"), "---"),
)


@dataclass
class Case:
    words: str
    code: int = 0
    stdout: str = SAME
    reason: str = ""
    stdin: str = ""
    theirs: int | None = None
    before: tuple[str, ...] = field(default=())


# {u} is a name of the case's own, so that the two commands do not meet in one place.
CASES = [
    Case("status"),
    Case("status -format=json"),
    Case("status -format=yaml"),
    Case("status -field=version"),
    Case(
        "status -field=nope", 1, theirs=0, reason="a missing field is code 1 everywhere else, at theirs too"
    ),
    Case("status -format=bogus", 1),
    Case("status x", 1),
    Case("status -nosuchflag", 1),
    Case("read sys/mounts/secret"),
    Case("read -format=json sys/mounts/secret"),
    Case("read -format=yaml sys/mounts/secret"),
    Case("read -field=type sys/mounts/secret"),
    Case("read -field=type -format=json sys/mounts/secret"),
    Case("read -field=config sys/mounts/secret"),
    Case("read -field=config -format=json sys/mounts/secret"),
    Case("read -field=config -format=yaml sys/mounts/secret"),
    Case("read -field=nope sys/mounts/secret", 1),
    Case("read -format=pretty sys/mounts/secret", 1),
    Case("read -field=sealed sys/health"),
    Case("read secret/data/none", 2),
    Case("read nosuchmount/x", 2),
    Case("read a b", 1),
    Case("read", 1),
    Case("read -format=bogus sys/mounts", 1),
    Case("read -wrap-ttl=zz sys/mounts", 1),
    Case("read -address", 1),
    Case("read -header=X-Vault-Foo=b sys/mounts", 2),
    Case("read -tls-skip-verify=zz x", 1),
    Case("read -address=http://127.0.0.1:1 x", 2),
    Case("read -output-curl-string secret/data/x"),
    Case("read -output-policy sys/raw/x"),
    Case("write -output-policy sys/policy/x policy=y"),
    Case("patch -output-policy a b=c"),
    Case("list -output-policy sys/auth"),
    Case("list -output-curl-string secret/x"),
    Case("kv list -output-policy secret/x"),
    Case("kv put -output-policy secret/x a=b"),
    Case("kv get -output-policy secret/x"),
    Case("write secret/data/x", 1),
    Case("write one/{u} a=b c=@nofile", 1),
    Case("write one/{u} a=b"),
    Case("write -force sys/nothing", 2),
    Case("read one/{u}", before=("write one/{u} a=b n=1 ttl=1h l=1 l=2",)),
    Case("read -field=l one/{u}", before=("write one/{u} l=1 l=2",)),
    Case("read -format=json one/{u}", before=("write one/{u} {json}",)),
    Case("read -format=yaml one/{u}", before=("write one/{u} {json}",)),
    Case("read one/{u}", before=("write one/{u} {json}",)),
    Case("write one/{u} -", stdin='{"a": [1, {"b": null}]}'),
    Case("write one/{u} a=-", stdin="text\n"),
    Case("delete one/{u}"),
    Case("delete secret/data/none"),
    Case("delete", 1),
    Case("list secret/metadata/none", 2),
    Case("list -format=json secret/metadata/none", 2),
    Case("list one", before=("write one/{u} a=b",), stdout=WORDS, reason="both see the names of both"),
    Case("list nomount", 2),
    Case("list", 1),
    Case("scan secret/metadata/{u}", before=("kv put secret/{u}/a/b x=y", "kv put secret/{u}/c x=y")),
    Case("kv put secret/{u} a=b c=d"),
    Case("kv put -format=json secret/{u} a=b"),
    Case("kv put -field=version secret/{u} a=b"),
    Case("kv put secret/{u}", 1),
    Case("kv put secret/{u} a", 1),
    Case("kv put -cas=0 secret/{u} k=v", 2, before=("kv put secret/{u} a=b",)),
    Case("kv put one/{u} a=b"),
    Case("kv get secret/{u}", before=("kv put secret/{u} a=b long_name=value ttl=60",)),
    Case("kv get -format=json secret/{u}", before=("kv put secret/{u} {json}",)),
    Case("kv get -format=yaml secret/{u}", before=("kv put secret/{u} {json}",)),
    Case("kv get secret/{u}", before=("kv put secret/{u} {json}",)),
    Case("kv get -field=a secret/{u}", before=("kv put secret/{u} a=b",)),
    Case("kv get -field=data secret/{u}", before=("kv put secret/{u} a=b c=d",)),
    Case("kv get -field=zz secret/{u}", 1, before=("kv put secret/{u} a=b",)),
    Case("kv get -version=1 secret/{u}", before=("kv put secret/{u} a=b", "kv put secret/{u} a=c")),
    Case("kv get -version=9 secret/{u}", 2, before=("kv put secret/{u} a=b",)),
    Case("kv get secret/{u}", before=("kv put secret/{u} a=b", "kv delete secret/{u}")),
    Case("kv get -mount=secret {u}/d", before=("kv put -mount=secret {u}/d a=b",)),
    Case("kv get one/{u}", before=("kv put one/{u} a=b",)),
    Case("kv get -format=json one/{u}", before=("kv put one/{u} a=b",)),
    Case("kv get secret/none", 2),
    Case("kv get nomount/x", 2),
    Case("kv get secret/x -field=a", 1),
    Case("kv get", 1),
    Case("kv", 1),
    Case("kv patch secret/{u} z=1", before=("kv put secret/{u} a=b",)),
    Case("kv patch -method=rw secret/{u} z=1", before=("kv put secret/{u} a=b",)),
    Case("kv patch -method=zz secret/{u} z=1", 2, before=("kv put secret/{u} a=b",)),
    Case("kv patch -remove-data=a secret/{u} z=1", before=("kv put secret/{u} a=b",)),
    Case("kv patch secret/none k=v", 2),
    Case("kv patch one/x k=v", 2),
    Case("kv list secret/{u}", before=("kv put secret/{u}/a x=y", "kv put secret/{u}/b/c x=y")),
    Case("kv list -format=json secret/{u}", before=("kv put secret/{u}/a x=y",)),
    Case("kv list -format=yaml secret/{u}", before=("kv put secret/{u}/a x=y",)),
    Case("kv scan secret/{u}", before=("kv put secret/{u}/a x=y", "kv put secret/{u}/b/c x=y")),
    Case("kv list secret/none", 2),
    Case("kv list", 1),
    Case("kv scan", 1),
    Case("kv delete secret/{u}"),
    Case("kv delete -versions=1 secret/{u}", before=("kv put secret/{u} a=b", "kv put secret/{u} a=c")),
    Case("kv undelete -versions=1 secret/{u}", before=("kv put secret/{u} a=b", "kv delete secret/{u}")),
    Case("kv undelete secret/x", 1),
    Case("kv destroy -versions=1 secret/{u}", before=("kv put secret/{u} a=b",)),
    Case("kv destroy one/x", 1),
    Case("kv rollback -version=1 secret/{u}", before=("kv put secret/{u} a=b", "kv put secret/{u} a=c")),
    Case("kv rollback -version=1 secret/none", 2),
    Case("kv rollback secret/x", 1),
    Case("kv metadata get secret/{u}", before=("kv put secret/{u} a=b", "kv put secret/{u} a=c")),
    Case("kv metadata get -format=json secret/{u}", before=("kv put secret/{u} a=b",)),
    Case("kv metadata get one/x", 1),
    Case("kv metadata put -custom-metadata=a=b -max-versions=5 -delete-version-after=1h secret/{u}"),
    Case(
        "kv metadata patch -custom-metadata=a=b -cas-required secret/{u}", before=("kv put secret/{u} a=b",)
    ),
    Case("kv metadata delete secret/{u}"),
    Case("kv get -wrap-ttl=5m secret/{u}", before=("kv put secret/{u} a=b",)),
    Case("kv enable-versioning {u}", before=("secrets enable -path={u} kv",)),
    Case("token create -policy=default -ttl=1h"),
    Case("token create -format=json -policy=default -ttl=1h -display-name=x -metadata=a=b -use-limit=3"),
    Case("token create -type=batch -policy=default -ttl=1h -field=policies"),
    Case("token create -wrap-ttl=5m"),
    Case("token create -wrap-ttl=5m -format=json"),
    Case("token create x", 1),
    Case("token lookup"),
    Case("token lookup -format=yaml"),
    Case("token lookup bad", 2),
    Case("token lookup -accessor", 1),
    Case("token lookup a b", 1),
    Case("token renew", 2),
    Case("token revoke bad"),
    Case("token revoke", 1),
    Case("token revoke -self x", 1),
    Case("token revoke -mode=zz x", 1),
    Case("token revoke -accessor -mode=orphan x", 1),
    Case("token capabilities sys/mounts"),
    Case("token capabilities -format=json sys/mounts"),
    Case("token capabilities", 1),
    Case("print token"),
    Case("unwrap bad", 2),
    Case("login -method=nosuch", 1),
    Case("login -method=userpass username=no password=no", 2),
    Case("login -method=userpass", 2),
    Case("login bad", 2),
    Case("login a b", 1),
    Case("login -token-only {root}"),
    Case("login -no-print {root}"),
    Case("login -format=json {root}"),
    Case("login -field=token_policies {root}"),
    Case("login {root}", stdout=WORDS, reason="the sentence above the table is our own"),
    Case("login -non-interactive", 2),
    Case("policy list", stdout=WORDS, reason="both see the policies of both"),
    Case("policy write {u} {policy}"),
    Case("policy write {u} -", stdin='path "a" { capabilities = ["read"] }'),
    Case("policy read {u}", before=("policy write {u} {policy}",)),
    Case("policy read -format=json {u}", before=("policy write {u} {policy}",)),
    Case("policy read none", 2),
    Case("policy read", 1),
    Case("policy write p /nonexistent", 2),
    Case("policy fmt /nonexistent", 1),
    Case("policy fmt {policy}"),
    Case("policy delete {u}"),
    Case("secrets list"),
    Case("secrets list -detailed"),
    Case("secrets enable -path={u} kv"),
    Case("secrets enable -path={u} -version=2 -description=d -default-lease-ttl=1h kv"),
    Case("secrets enable nosuch", 2),
    Case("secrets enable", 1),
    Case("secrets tune -default-lease-ttl=1h {u}", before=("secrets enable -path={u} kv",)),
    Case("secrets tune -description=d none", 2),
    Case("secrets move {u} {u}b", before=("secrets enable -path={u} kv",)),
    Case("secrets move none noneb", 2),
    Case("secrets disable {u}"),
    Case("auth list"),
    Case("auth list -detailed"),
    Case("auth enable -path={u} userpass"),
    Case("auth enable nosuch", 2),
    Case("auth tune -max-lease-ttl=1h -token-type=batch {u}", before=("auth enable -path={u} userpass",)),
    Case("auth disable {u}"),
    Case("auth help nosuch", 1),
    Case("auth help userpass", stdout=WORDS, reason="help texts are our own"),
    Case("audit list", 2),
    Case("audit list -format=json"),
    Case("audit disable none"),
    Case("audit enable", 1),
    Case("lease lookup none", 2),
    Case("lease lookup", 1),
    Case("lease renew none", 2),
    Case("lease revoke none"),
    Case("lease revoke -sync none"),
    Case("lease revoke -prefix none"),
    Case("lease revoke -prefix -sync none"),
    Case("lease revoke -force none", 1),
    Case("lease revoke -force -prefix none"),
    Case("operator init -status"),
    Case("operator init -status -format=json"),
    Case("operator init", 2),
    Case("operator init extra", 1),
    Case("operator unseal zz", 2),
    Case("operator unseal x y", 1),
    Case("operator unseal -non-interactive", 1),
    Case("operator key-status"),
    Case("operator key-status -format=json"),
    Case("operator members"),
    Case("operator members -format=json"),
    Case("operator generate-root -status"),
    Case("operator generate-root -status -format=json"),
    Case("operator generate-root -cancel"),
    Case("operator generate-root -decode=xx", 1),
    Case("operator generate-root -decode=xx -otp=yy", 1),
    Case("operator rekey -status", 2),
    Case("operator rotate-keys -status"),
    Case("operator rotate-keys -cancel"),
    Case("operator rotate-keys -target=x -status", 1),
    Case("operator rotate-keys -backup-retrieve", 2),
    Case("operator rotate-keys -backup-delete"),
    Case("operator raft list-peers", 2),
    Case("operator validate-config", 3),
    Case("operator seal x", 1),
    Case("operator", 1),
    Case("namespace list", 2),
    Case("namespace create {u}"),
    Case("namespace lookup none", 2),
    Case("namespace create", 1),
    Case("namespace delete {u}", stdout=WORDS, reason="theirs is silent where there was nothing"),
    Case("plugin list secret"),
    Case("plugin list"),
    Case("plugin list -detailed auth"),
    Case("plugin list bad", 2),
    Case("plugin info secret kv", stdout=WORDS, reason="we show every field the server tells"),
    Case("plugin info -format=json secret kv", stdout=WORDS, reason="as above"),
    Case("plugin info secret none", 2),
    Case("plugin reload", 1),
    Case("path-help secret"),
    Case("path-help nosuch", 2),
    Case("path-help", 1),
    Case(
        "version-history",
        stdout=WORDS,
        reason="columns four apart as everywhere, and no words on old versions",
    ),
    Case("monitor -log-level=bad", 1),
    Case("debug -duration=nonsense", 1),
    Case("nosuchcommand", 127),
    Case("version", stdout=WORDS, reason="our own name and version"),
]
SERVERS = {"peer": PEER, "strongroom": STRONGROOM}
ON_OURS = {
    "operator rekey -status": (
        0,
        "theirs has switched the paths without a token off; scripts still use them",
    ),
}
"""Exit codes that both commands have at our server only, and why."""

JSON = (
    '{"s": "a<b>&ü", "n": 1.50, "e": "", "l": [1, "a b", null], "m": {"z": null, "y": [true]}, "t": "a\\nb"}'
)


@pytest.fixture(scope="module", params=["peer", "strongroom"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this file's own: other tests' mounts would show in its listings."""
    home = tmp_path_factory.mktemp("side")
    with running(start_dev(SERVERS[request.param], home)) as server:
        assert _ours(["secrets", "enable", "-path=one", "-version=1", "kv"], server.address, home)[0] == 0
        if request.param == "peer":
            assert _ours(["auth", "enable", "userpass"], server.address, home)[0] == 0
        yield server.address


def _ours(words: list[str], address: str, home: Path, stdin: str = "") -> tuple[int, str, str]:
    done = call(*words, stdin=stdin, HOME=str(home), STRONGROOM_ADDR=address, STRONGROOM_TOKEN=ROOT)
    return done.code, done.out, done.err


def _theirs(words: list[str], address: str, home: Path, stdin: str = "") -> tuple[int, str, str]:
    env = clean_environment(home) | {"BAO_ADDR": address, "BAO_TOKEN": ROOT}
    done = subprocess.run(
        [*PEER, *words], env=env, input=stdin, capture_output=True, text=True, check=False, cwd=home
    )
    return done.returncode, done.stdout, done.stderr


def _masked(text: str, name: str) -> str:
    text = text.replace(name, "NAME")
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text.strip()


@pytest.mark.xdist_group("side_by_side")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words.replace(" ", "_"))
def test_same_code_and_same_output(
    case: Case, shared: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    at_ours = request.node.callspec.params["shared"] == "strongroom"
    seen = []
    for run in (_ours, _theirs):
        # Of one length, so that titles centred over a path come out alike.
        name = "n" + uuid.uuid4().hex[:11]
        (tmp_path / "data.json").write_text(JSON)
        (tmp_path / "policy.hcl").write_text('path   "a/*" { capabilities=["read","list"]\n}\n')

        def filled(words: str, name: str = name) -> list[str]:
            places = {
                "u": name,
                "root": ROOT,
                "json": f"@{tmp_path}/data.json",
                "policy": f"{tmp_path}/policy.hcl",
            }
            return [word.format(**places) for word in words.split()]

        for words in case.before:
            code, _, err = _ours(filled(words), shared, tmp_path)
            assert code == 0, err
        code, out, err = run(filled(case.words), shared, tmp_path, case.stdin)
        seen.append((code, _masked(out, name), err))
        _clean(case, name, shared, tmp_path)
    ours, theirs = seen
    code = ON_OURS[case.words][0] if at_ours and case.words in ON_OURS else case.code
    expected = code if case.theirs is None else case.theirs
    assert (ours[0], theirs[0]) == (code, expected), f"ours: {ours}\ntheirs: {theirs}"
    if case.stdout == SAME:
        assert _comparable(case, ours[1]) == _comparable(case, theirs[1])
    assert bool(ours[2]) == bool(theirs[2]) or case.stdout == WORDS, f"ours: {ours[2]}\ntheirs: {theirs[2]}"


def _comparable(case: Case, text: str) -> object:
    """What the order of says nothing is compared without it: keys of JSON, headers of curl."""
    if "-output-curl-string" in case.words:
        return sorted(re.findall(r'"[^"]*"|\S+', text))
    return json.loads(text) if "-format=json" in case.words and text else text


def _clean(case: Case, name: str, address: str, home: Path) -> None:
    """Takes away what listings of later cases would show."""
    group = case.words.split()[0]
    if group in {"secrets", "auth"} or "enable-versioning" in case.words:
        kind = "auth" if group == "auth" else "secrets"
        for path in (name, f"{name}b"):
            _ours([kind, "disable", path], address, home)
    if group == "namespace":
        _ours(["namespace", "delete", name], address, home)


def test_every_difference_has_a_reason() -> None:
    assert all(case.reason for case in CASES if case.stdout != SAME or case.theirs is not None)
