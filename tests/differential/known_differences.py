"""Where Strongroom answers otherwise than the peer on purpose: one table, each row with its reason.

A row that no longer differs fails the test, so that the table never tells more than the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Known:
    """At step ``step`` of a case the places matching ``place`` may differ.

    Steps count from 1; 0 is every step, and the audit lines.
    """

    step: int
    place: str
    reason: str

    def covers(self, step: int, place: str) -> bool:
        return self.step in (0, step) and fnmatchcase(place, self.place)


_OTP = Known(0, "body.data.otp_length", "our root tokens are 28 characters, the peer's 26")

_SHARES = "a caller's mistake is answered 400, as at the old paths; the peer says 500 here"
_MISTAKE = "a caller's mistake is answered 400; the peer says 500 here"
_NO_NONCE = "the right nonce is not told to who does not know it"
_FORMATTED = "the peer's sentence is a formatting accident"

_OWN = "our own words"
_FIELD = "the sentence names the field"
_NOT_WRAPPING = "one answer for whatever is not a wrapping token"
_OLD_LEASES = "Vault has the old path"
_PASSED = "engines of our own see the headers they need without being told"
_SLASH = "a slash at the end changes nothing here"
_ABSENT = "the path is there, the verb is not"
_ROOT_ROLE = "a role whose logins could only fail is refused when it is written"
_NOTHING_LISTED = "null for a list of nothing, as in every other answer"
_DEFAULT_POLICY = "the default policy allows what Vault's allows"

EVERYWHERE = (
    Known(0, "body.build_date", "Vault has it"),
    Known(0, "body.performance_standby", "Vault has it"),
    Known(0, "body.enterprise", "Vault has it"),
)
"""Differences of answers that many cases see; these need not show in any of them."""

_ACCESSOR = Known(
    0, "audit.*.request.mount_accessor", "both lines name the mount; the peer's first often does not"
)
_CAUSE = "the sentence that the client gets; the peer logs only its class"
_NO_LEASE = "an empty object says nothing"
_NO_LOOKUP = "a path that needs no token looks none up"

_MERGED_AWAY = "custom metadata stay with an alias that moves; the peer loses them"
_WRONG = "what is configured wrongly is answered 400; the peer says 500"
_SILENT = "a system outside that does not answer is 502; the peer says 500"

_PAGES = (
    Known(0, "body.data.keys", "after and limit hold for every listing; the peer ignores them here"),
    Known(0, "body.warnings", "so they are no unrecognized parameters"),
)


def _unprintable(step: int) -> tuple[Known, ...]:
    """A refusal of a path with control characters."""
    reason = "the refusal says what is wrong with the path; the peer's has no body"
    return tuple(Known(step, place, reason) for place in ("body", "headers.c*"))


_MAX_TTL = Known(0, "body.data.max_ttl", "Vault has it")
_NOT_THERE = "the body of every 404"
_PROBLEM_STATUS = "a member that RFC 7807 has"


def _mistakes(*steps: int) -> tuple[Known, ...]:
    """Steps in which a caller's mistake has another status here."""
    return tuple(Known(step, "status", _MISTAKE) for step in steps)


KNOWN: dict[str, tuple[Known, ...]] = {
    "kv1 bad bodies": (
        Known(15, "status", "invalid UTF-8 is refused; the peer stores replacement characters instead"),
        Known(16, "body.data.a", "follows from that refusal"),
    ),
    "kv1 list": (Known(18, "status", "a list parameter that is no boolean counts as none"),),
    "kv1 list in pages": (
        *_PAGES,
        Known(10, "status", "there is nothing after that name"),
        Known(13, "status", "a limit that is no number is refused"),
    ),
    "kv1 scan": _PAGES,
    "kv1 verbs and odd paths": (
        Known(5, "body.errors.0", "a mount's path without its last slash is the same path"),
        *_unprintable(26),
        *_unprintable(27),
        Known(28, "status", "a path that is not UTF-8 is the client's fault, not an internal one"),
    ),
    "kv unknown version": (
        Known(1, "body.errors.0", "the sentence says which versions there are"),
        Known(3, "body*deprecation_status", "an old name of kv is as supported as kv"),
    ),
    "kv2 bad metadata": (
        Known(7, "status", "a negative count of versions is refused; the peer makes four billion of it"),
        Known(0, "body.data.current_metadata_version", "follows from that refusal"),
        Known(24, "body.errors.0", "the sentence names no types of another language"),
        Known(30, "body.errors.0", "what cannot be printed is not printed raw"),
    ),
    "kv2 patch metadata": (
        Known(13, "body.data.delete_version_after", "null sets every setting back (RFC 7396), this one too"),
    ),
    "kv2 patch data": (
        Known(12, "status", "a patch to null is refused; in the peer the secret cannot be patched after it"),
        Known(21, "status", "follows: the peer answers 500 here"),
        Known(23, "status", "follows: the peer answers 500 here"),
        Known(0, "body.data.version", "follows: the versions written by those patches"),
        Known(20, "body.errors.0", "what the client sent is not repeated"),
    ),
    "kv2 configuration": (Known(20, "status", "a negative count of versions is refused"),),
    "kv2 list, pages and scan": (
        Known(26, "body.data.keys.*", "our scans are in order of bytes, the peer's level by level"),
        Known(28, "body.data.keys", "after and limit hold for scans; the peer ignores them"),
        Known(29, "body.data.keys", "after and limit hold for scans; the peer ignores them"),
    ),
    "kv2 detailed metadata": (
        Known(14, "body.data.key*", "after and limit hold for scans; the peer ignores them"),
    ),
    "kv2 odd paths": (*_unprintable(15), *_unprintable(16)),
    "kv2 upgrade from version 1": (
        Known(4, "status", "our upgrade is done when it is answered, so there is nothing to warn of"),
    ),
    "kv2 parameters of a query are no body": (
        Known(8, "body.warnings", "parameters that mean nothing are told also where the version is deleted"),
    ),
    "cubbyhole write, read, list, delete": _PAGES,
    "cubbyhole bad input": (
        Known(2, "status", "a missing body is the client's fault: 400, not 500"),
        Known(3, "status", "an empty body is the client's fault: 400, not 500"),
        Known(5, "status", "a missing path is the client's fault: 400, not 500"),
        Known(7, "status", "a mount's path without its last slash is the same path, for policies too"),
        Known(8, "status", "nothing stands at the root: 404, not 500"),
        Known(9, "status", "a mount's path without its last slash is the same path, for policies too"),
    ),
    "http verbs": (
        Known(12, "status", "HEAD exists for sys/health alone: 405 whatever the path"),
        Known(34, "status", "HEAD exists for sys/health alone: 405 whatever the path"),
    ),
    "http targets": (
        Known(1, "status", "no web interface is served"),
        *_unprintable(18),
        *_unprintable(19),
        Known(23, "status", "no web interface is served"),
        Known(24, "status", "no web interface is served, so crawlers need no instructions"),
    ),
    "http tokens": (
        Known(7, "status", "the scheme's name has no case (RFC 9110, 11.1)"),
        Known(8, "status", "the scheme's name has no case (RFC 9110, 11.1)"),
    ),
    "http json limits": (
        Known(2, "status", "more than 300 levels are refused (CVE-2025-6203)"),
        Known(3, "status", "more than 300 levels are refused (CVE-2025-6203)"),
        Known(5, "status", "the limit of strings is 100,000: Vault's clients send more than 1,000"),
        Known(7, "status", "the limit of strings is 100,000: Vault's clients send more than 1,000"),
    ),
    "http list and scan by query": (
        Known(0, "body.warnings", "the words of a listing's query mean something, though not here"),
    ),
    "ceremony bad init": (
        Known(17, "status", "follows: at step 15 the peer initialised, and the root token was lost"),
    ),
    "ceremony unseal": (
        Known(30, "body.data.issue_time", "Vault has it"),
        Known(30, "body.data.renewable", "Vault has it"),
    ),
    "ceremony unseal with wrong keys": (
        Known(3, "body.errors.0", "shares that no split gives are told from shares of another key"),
        Known(11, "status", "what the configuration does not have is a bad request, no failure"),
    ),
    "ceremony old doors are shut": (
        Known(0, "status", "the old paths are open to a token with sudo, where the peer has none at all"),
    ),
    "ceremony generate root": (
        _OTP,
        Known(12, "body.errors.0", "Vault's sentence"),
        *(Known(step, "status", _SHARES) for step in (7, 13, 16, 17, 19)),
        Known(24, "body.data.issue_time", "Vault has it"),
        Known(24, "body.data.renewable", "Vault has it"),
    ),
    "ceremony generate root with wrong keys": (_OTP, Known(7, "status", _SHARES)),
    "ceremony new shares": (
        *(Known(step, "body.errors.0", _FORMATTED) for step in (7, 8, 9, 10, 11, 13)),
        Known(14, "status", "a backup without PGP keys is refused, as by Vault; the peer forgets the wish"),
        Known(20, "body.errors.0", _NO_NONCE),
    ),
    "ceremony new shares with verification": (Known(10, "body.errors.0", _NO_NONCE),),
    "ceremony new shares at once": (Known(6, "body.errors.0", _FORMATTED),),
    "ceremony raw storage": (
        Known(14, "body.errors.0", "the decoder's own words"),
        Known(22, "status", "what cannot be written is a bad request, no failure"),
    ),
    "ceremony audit devices declared": (
        Known(5, "body.errors.0", "devices are made by API too; this path is taken"),
        Known(6, "body.errors.0", "our own words"),
    ),
    "token create bad input": (
        *(Known(step, "body.errors.0", _FIELD) for step in (1, 6, 8)),
        Known(4, "status", "a time to live that is no duration is refused"),
    ),
    "token create custom id": tuple(
        Known(step, "body.warnings", "our tokens are hashed with a key whoever chose their ID")
        for step in (1, 8, 10)
    ),
    "token lookup": (
        Known(13, "body.errors.0", "a number counts as its digits, as for every other text"),
        Known(28, "status", "the scheme of Authorization is the same in any case (RFC 9110)"),
    ),
    "token bound to addresses by a role": (Known(9, "body.errors.0", _OWN),),
    "token role parameters": (
        Known(10, "status", "a role that could make no token is refused; the peer keeps it"),
        Known(11, "body.errors.0", "follows from that refusal"),
        Known(15, "status", "follows from that refusal"),
        Known(16, "status", "follows from that refusal"),
        Known(17, "body.data.token_type", "follows from that refusal"),
    ),
    "token from a role": (
        Known(18, "body.data.explicit_max_ttl", "bounds that a role sets are shown with its tokens"),
        Known(18, "body.data.period", "bounds that a role sets are shown with its tokens"),
    ),
    "wrapping with its own token": (
        Known(6, "body.data.response", "the order of keys in a JSON object"),
        Known(6, "body.warnings", "not deprecated here"),
    ),
    "wrapping bad headers": (
        Known(13, "body.*", "less than a second is no wrapping, rather than a token that is over at once"),
    ),
    "wrapping as a JWT": (Known(9, "status", _NOT_WRAPPING),),
    "wrapping bad tokens": (
        *(Known(step, "status", _NOT_WRAPPING) for step in (3, 4, 9, 10, 15, 16, 21, 23)),
        Known(27, "status", "Vault has it"),
    ),
    "leases lookup": (Known(6, "body.errors.0", "one sentence for a lease that is not there"),),
    "leases list": tuple(
        Known(step, "status", "a root token that never ends has no lease") for step in (1, 2)
    ),
    "leases renew": tuple(Known(step, "status", _OLD_LEASES) for step in (7, 8)),
    "leases revoke": tuple(Known(step, "status", _OLD_LEASES) for step in (7, 8, 13, 16)),
    "leases revoke all tokens of a path": tuple(
        Known(step, "status", "a token that never ends has no lease, so it outlives those of its path")
        for step in (6, 7, 8)
    ),
    "leases count and tidy": (
        Known(8, "status", "a caller's mistake is no failure of the server"),
        Known(9, "body.errors", "a slash at the end changes nothing here"),
    ),
    "leases irrevocable limits": tuple(
        Known(step, "status", "a caller's mistake is no failure of the server") for step in (2, 3, 4)
    ),
    "mounts of a new server": (
        *(Known(step, "*passthrough_request_headers", _PASSED) for step in (1, 4, 5)),
        *(Known(step, "status", "the path is there, the verb is not") for step in (9, 10)),
        *(Known(step, "status", _SLASH) for step in (14, 15)),
    ),
    "mounts bad input": (
        *(Known(step, "body.errors.0", _OWN) for step in (10, 11)),
        Known(22, "status", "a version of a plugin that is not there is refused at once"),
    ),
    "mounts path rules": tuple(
        Known(step, "status", "a space at either end of a path can only be a mistake") for step in (20, 21)
    ),
    "mounts tune": (Known(16, "body.errors.0", _OWN), Known(25, "body.errors.0", _OWN)),
    "mounts remount": (
        *(Known(step, "body.warnings.0", _OWN) for step in (4, 8, 18)),
        *(Known(step, "body.errors.0", _OWN) for step in (12, 13, 14)),
    ),
    "mounts auth enable and tune": tuple(Known(step, "body.errors.0", _OWN) for step in (7, 19)),
    "mounts seen by a token": (
        Known(3, "*passthrough_request_headers", _PASSED),
        Known(13, "status", _SLASH),
    ),
    "policy names": (
        Known(14, "body.data.modified", "the server's own policies never change"),
        Known(14, "body.data.policy", "the text is our own"),
    ),
    "policy bad input": (
        Known(4, "body.errors.0", _OWN),
        Known(11, "status", "an empty answer, as for every other write"),
    ),
    "policy list": (
        *(Known(step, "*keys*", "names in order, in pages where asked for") for step in (10, 12, 13, 14, 16)),
        *(
            Known(step, "body.warnings", "after and limit are no unrecognized parameters")
            for step in (12, 13)
        ),
        Known(14, "*policies*", "names in order"),
        *(Known(step, "status", "a policy's name is no folder") for step in (11, 17)),
        Known(16, "body.data.key_info.default.*", "the text is our own"),
    ),
    "policy syntax errors": (
        *(Known(step, "body.errors.0", _OWN) for step in (1, 2, 3, 5, 8, 23, 24, 25, 37)),
        Known(27, "status", "a form of HCL that means the same as the usual one"),
        Known(31, "status", "JSON that breaks off is refused"),
    ),
    "policy capabilities of root and of nobody": (
        Known(17, "status", "a caller's mistake is no failure of the server"),
    ),
    "policy allowed parameters": (
        Known(23, "status", "a number equals the same number in the policy; for the peer none ever does"),
    ),
    "policy pagination limit": tuple(
        Known(step, place, "the limit holds for every listing; the peer ignores it here")
        for step in (9, 10, 11, 13, 16, 17)
        for place in ("body.data.keys", "body.warnings")
    ),
    "sys health": tuple(Known(step, "body.errors", "the refusal says what is wrong") for step in (4, 5)),
    "sys status": (
        Known(4, "*cluster_address", "development mode has no cluster"),
        *(Known(step, "body.errors", "the refusal says what is wrong") for step in (9, 10)),
        Known(12, "status", "Vault has it, and says that replication is off"),
        Known(19, "status", "no redirect to a path that is not there either"),
    ),
    "sys random": (
        Known(8, "body.errors.0", "what the client sent is not repeated"),
        Known(16, "body.errors.0", "one sentence for both tools"),
        Known(23, "status", _DEFAULT_POLICY),
    ),
    "sys hash": tuple(Known(step, "body.errors.0", "the decoder's own words") for step in (16, 19)),
    "sys cors": (
        *(Known(step, "status", "bad input is no failure of the server's") for step in (2, 10, 12)),
        Known(5, "*passthrough_request_headers", _PASSED),
    ),
    "sys audited request headers": (Known(13, "status", _ABSENT), Known(14, "status", _SLASH)),
    "sys loggers": (
        *(Known(step, "body.warnings", _NOTHING_LISTED) for step in (1, 2, 4, 10)),
        *(
            Known(15, f"body.data.{name}", "loggers are named for our own parts")
            for name in ("audit", "token")
        ),
    ),
    "sys rotate and key status": tuple(Known(step, "body.errors.0", _OWN) for step in (12, 14)),
    "sys quota configuration": (Known(13, "body.errors", "Vault has quotas of leases"),),
    "sys internal counters and interfaces": (
        Known(6, "status", "no token is no failure of the server"),
        Known(10, "body.data.*_paths.sys/*", _DEFAULT_POLICY),
    ),
    "sys specifications": (
        Known(1, "body.info.license.name", "our own licence"),
        Known(5, "*responses.*", "our own words; there is no replication that recovers"),
        Known(5, "*x-vault-sudo", "sealing needs sudo, so the document says it"),
    ),
    "sys state without secrets": (
        Known(3, "status", "no redirect to a path that is not there either"),
        Known(5, "status", "Vault has it; there is no licence to read again"),
    ),
    "sys metrics": (Known(6, "body.errors", "the refusal says what is wrong"),),
    "sys what is not enabled": (
        Known(2, "body.data.keys", "what is stored is the server's own affair"),
        Known(13, "status", "there are no control groups"),
        Known(17, "body.errors.0", "the decoder's own words"),
    ),
    "sys audit devices by API": (
        *(Known(step, "*", "devices are made by API too, as in Vault") for step in (2, 3)),
        Known(6, "status", _ABSENT),
    ),
    "sys generate a password with no policy and other patches": (
        Known(2, "status", "what is not there is answered 404, as for every other path"),
    ),
    "audit of secrets": (_ACCESSOR, Known(0, "audit.6.response.secret", _NO_LEASE)),
    "audit of refusals": (
        _ACCESSOR,
        Known(0, "audit.*.response.mount_accessor", "the mount is known, whoever asks"),
        *(Known(step, "body.errors.0", _OWN) for step in (12, 13)),
        *(Known(0, f"audit.{line}.error", _CAUSE) for line in (10, 12, 14, 16)),
    ),
    "audit of tokens": (
        _ACCESSOR,
        *(
            Known(0, f"audit.12.response.auth.{name}", "a renewal does not change it")
            for name in ("display_name", "token_issue_time")
        ),
        Known(0, "audit.14.error", _CAUSE),
    ),
    "audit of wrapping": (
        _ACCESSOR,
        *(
            Known(0, f"audit.{line}.{place}", _NO_LOOKUP)
            for line in (5, 6)
            for place in ("auth.*", "request.client_id", "request.client_token_accessor")
        ),
        *(Known(0, f"audit.{line}.auth.display_name", "a wrapping token is nobody's") for line in (11, 12)),
        *(
            Known(0, f"audit.13.{place}", "the wrapping token is judged before the caller's own")
            for place in ("auth.*", "request.client_token_accessor")
        ),
        Known(0, "audit.13.request.mount_*", "the mount is known, whatever the token"),
        Known(0, "audit.14", "every answer has a line"),
    ),
    "audit of headers and of keys left in the clear": (
        _ACCESSOR,
        Known(0, "audit.14.response.secret", _NO_LEASE),
    ),
    "namespaces patch": (Known(8, "body.errors.0", "the sentence does not name a type of the peer's"),),
    "namespaces tokens": tuple(Known(step, "status", _MISTAKE) for step in (13, 14)),
    "namespaces what is in a new one": tuple(
        Known(step, "*passthrough_request_headers", _PASSED) for step in (3, 5)
    ),
    "namespaces logins": (
        Known(9, "status", "a role that could never be used is refused when it is made"),
        Known(10, "body.errors.0", "and so there is nobody of that name"),
    ),
    "namespaces in the audit log": (
        _ACCESSOR,
        *(Known(0, f"audit.{line}.response.secret", _NO_LEASE) for line in (12, 16)),
        Known(0, "audit.13.request.mount_point", "the mount is named in full on both lines"),
    ),
    "policy password policies": (Known(16, "body.errors.0", _OWN),),
    "userpass what a user's tokens may be": (
        Known(20, "body.errors.0", _FIELD),
        *(Known(step, "body.errors.0", "what was submitted is not repeated") for step in (23, 24)),
    ),
    "userpass policies of a user": (Known(9, "status", _MISTAKE),),
    "userpass passwords": (*(Known(step, "status", _MISTAKE) for step in (7, 17)),),
    "userpass logins": (Known(9, "status", _MISTAKE),),
    "userpass renewal": (
        Known(8, "status", _MISTAKE),
        Known(12, "status", "who cannot renew is told so"),
    ),
    "userpass lockout": (
        *(Known(step, "status", _MISTAKE) for step in range(25, 31)),
        Known(40, "status", "being locked out does not tell that a name exists"),
    ),
    "userpass lockout tuned": (Known(20, "body.errors.0", _FIELD),),
    "identity entity bad input": tuple(Known(step, "status", _MISTAKE) for step in (4, 5, 6, 7)),
    "identity groups": tuple(Known(step, "status", _MISTAKE) for step in (13, 14, 15, 25)),
    "identity aliases": (Known(33, "body.data.aliases.0.custom_metadata", _MERGED_AWAY),),
    "identity merge": tuple(
        Known(step, f"body.data.{place}custom_metadata", _MERGED_AWAY)
        for step, place in ((13, "aliases.0."), (16, ""))
    ),
    "rabbitmq connection": (
        Known(7, "status", _WRONG),
        Known(8, "status", _SILENT),
        Known(9, "body.errors.0", _FORMATTED),
    ),
    "rabbitmq roles": tuple(Known(step, "body.errors.0", _OWN) for step in (13, 14, 15)),
    "rabbitmq credentials": (
        Known(16, "status", _WRONG),
        Known(18, "status", _WRONG),
    ),
    "kubernetes roles": (Known(28, "body.errors.0", _OWN),),
    "kubernetes configuration": (Known(6, "status", _WRONG),),
    "kubernetes credentials": tuple(Known(step, "status", _WRONG) for step in (4, 11, 16, 18, 20, 28)),
    "database credentials": (Known(15, "body.errors.0", "the peer prints its own types"),),
    "database credentials that cannot be": (
        *(
            Known(step, "status", "a mistake in a role is not the server's, which the peer says")
            for step in (4, 7, 11)
        ),
        Known(9, "status", "the statement is wrong, not the server"),
        Known(13, "status", "a policy that is missing is not the server's fault"),
    ),
    "database own password": (
        Known(10, "body.warnings", "connection_url is a parameter that is known here"),
    ),
    "approle role bad input": (
        *(Known(step, "status", _MISTAKE) for step in (2, 5, 6)),
        *(Known(step, "body.errors.0", _OWN) for step in (7, 15)),
        Known(19, "body.warnings.0", _OWN),
        Known(20, "status", _ROOT_ROLE),
    ),
    "approle role ids": (
        *(Known(step, "status", _MISTAKE) for step in (4, 7)),
        Known(13, "body.errors.0", _OWN),
    ),
    "approle fields": (
        *(Known(step, "body.errors.0", _OWN) for step in (30, 58, 104)),
        Known(101, "body.data.token_bound_cidrs", "an empty list, as reading the role shows it"),
    ),
    "approle fields of no role": (Known(0, "body.errors.0", "it is the role that is not there"),),
    "approle fields that say nothing or clash": (
        *(Known(step, "body.errors.0", _OWN) for step in (5, 12, 14)),
        Known(15, "status", "what the role itself does not take its parts do not take either"),
        Known(16, "status", _ROOT_ROLE),
    ),
    "approle fields that the peer serves badly": (
        *(Known(step, "status", "Vault has it; the peer never finds the role") for step in range(4, 11)),
        *(
            Known(step, f"body.{place}", "the older name shows what the newer one does")
            for step in (12, 15)
            for place in ("data.bound_cidr_list", "warnings")
        ),
        Known(16, "body.errors.0", _OWN),
        Known(18, "body.data.secret_id_bound_cidrs", "what was deleted under the older name is gone"),
    ),
    "approle secret ids": tuple(
        Known(step, "body.warnings.0", "it is done, and says what it did") for step in (37, 38)
    ),
    "approle secret ids bad input": (
        *(Known(step, "body.errors.0", _OWN) for step in (4, 5, 6, 7, 8)),
        *(Known(step, "status", _MISTAKE) for step in (11, 12, 28, 32, 33, 34, 35)),
    ),
    "approle secret ids of other roles": tuple(
        Known(step, "status", "an accessor of another role is none of this one") for step in (9, 10)
    ),
    "approle custom secret ids": tuple(Known(step, "status", _MISTAKE) for step in (9, 11)),
    "approle bounds of a role on its secret ids": tuple(
        Known(step, "status", _MISTAKE) for step in (11, 12, 14)
    ),
    "approle login": (
        *(Known(step, "status", _MISTAKE) for step in (17, 18, 19, 22, 23)),
        Known(20, "body.errors.0", "what is missing is said whether the role exists or not"),
    ),
    "approle networks": (
        Known(5, "body.errors.0", _FORMATTED),
        Known(10, "status", _MISTAKE),
        *(
            Known(step, "status", "logins come from the networks of the token, as Vault's documents say")
            for step in (13, 16)
        ),
    ),
    "approle without secret ids": (
        Known(13, "body.errors.0", _FORMATTED),
        *(Known(step, "status", _MISTAKE) for step in (15, 16)),
    ),
    "approle renewal": (Known(14, "status", _MISTAKE),),
    "approle quota of a role": (Known(16, "body.errors.0", _OWN),),
    "approle audit": (
        _ACCESSOR,
        Known(0, "audit.10.auth.entity_created", "the entity itself says when it was made"),
        Known(0, "audit.12.auth.policy_results", "the request was allowed; the login failed"),
        Known(0, "audit.12.error", _CAUSE),
    ),
    "oidc issuer": (Known(9, "body.warnings.0", _OWN),),
    "oidc templates": (
        *(Known(step, "body.errors.0", "the decoder's own words") for step in (11, 14, 15)),
        Known(19, "status", "braces that close two objects of JSON at once are no directive's"),
    ),
    "mfa enforcements": (Known(22, "status", _MISTAKE),),
    "mfa logins": (
        Known(8, "body.warnings.0", _OWN),
        Known(22, "body.warnings", "a header that nothing asks for does no harm"),
    ),
    "oidc clients and providers": (
        Known(27, "body.warnings.0", _OWN),
        *(
            Known(step, "body.code_challenge_methods_supported", "clients look there for PKCE")
            for step in (31, 33)
        ),
    ),
    "oidc exchange": tuple(
        Known(step, "body.groups", "who belongs to no group has an empty list of them") for step in (43, 44)
    ),
    "totp keys that are none": tuple(Known(step, "body.errors.0", _OWN) for step in (25, 26, 27)),
    "totp addresses": (Known(24, "body.errors.0", _OWN),),
    "ssh ca": (
        *(Known(step, "body.errors.0", _OWN) for step in (11, 12)),
        *(Known(step, "status", _MISTAKE) for step in (13, 14, 15)),
        *(Known(step, "body.warnings.0", _OWN) for step in (25, 28)),
    ),
    "ssh issuers": (
        Known(6, "status", _MISTAKE),
        *(Known(step, "body.warnings*", _OWN) for step in (31, 38, 42)),
    ),
    "ssh roles": (
        *(Known(step, "status", _MISTAKE) for step in (32, 35, 38, 47)),
        Known(56, "body.errors.0", _OWN),
    ),
    "ssh certificates of users": (
        *(Known(step, "body.errors.0", _OWN) for step in (29, 30, 33)),
        Known(48, "status", "a certificate for nobody in particular is good for everybody"),
    ),
    "ssh names of entities": (Known(27, "status", _MISTAKE),),
    "cert roles": (
        Known(0, "body.warnings.*", _OWN),
        Known(2, "body.data.ocsp_cache_size", "the size that is in force"),
        Known(0, "body.data.enable_metadata_on_failures", "Vault has it"),
        Known(0, "body.data.role_cache_size", "Vault has it"),
        Known(0, "body.data.ocsp_this_update_max_age", "Vault has it"),
        Known(0, "body.data.ocsp_max_retries", "Vault has it"),
        Known(20, "status", _ROOT_ROLE),
        Known(21, "body.errors.0", _FIELD),
    ),
    "cert logins": (
        Known(2, "body.errors.0", "where nobody is trusted no certificate is asked for"),
        Known(15, "status", _MISTAKE),
    ),
    "cert constraints": (Known(65, "status", "what could fit no extension is refused when it is written"),),
    "cert renewals and revocation lists": (
        *(Known(step, "status", _MISTAKE) for step in (7, 9, 21)),
        Known(14, "status", "a token whose role is gone is not renewed, and the client is told"),
        Known(20, "body.errors.0", "the decoder's own words"),
        Known(34, "body.errors.0", "the sentence repeats no name of the client's"),
    ),
    "pki roles": tuple(Known(step, "status", _MISTAKE) for step in (17, 18, 20)),
    "pki issue by other rules": (Known(9, "status", _MISTAKE), Known(51, "body.warnings.0", _OWN)),
    "pki roots and keys": tuple(Known(step, "body.warnings.0", _OWN) for step in (5, 49)),
    "pki sign": (
        Known(17, "body.errors.0", "a weak key is refused whatever the role wants"),
        Known(39, "body.warnings.0", _OWN),
    ),
    "pki issuers": (
        *(Known(step, "status", _MISTAKE) for step in (12, 25, 30)),
        *(Known(28, f"body.warnings.{position}", _OWN) for position in range(3)),
        Known(31, "body.warnings", _OWN),
    ),
    "pki revocation": (Known(15, "status", _MISTAKE),),
    "pki tidy": tuple(Known(step, "body.request_id", "every answer tells it") for step in (2, 6)),
    "acme configuration": (_MAX_TTL, Known(3, "status", _MISTAKE)),
    "acme configurations that are refused": (
        _MAX_TTL,
        *(Known(step, "status", _MISTAKE) for step in range(7, 22)),
    ),
    "acme directories": (
        _MAX_TTL,
        *(Known(step, "headers.content-type", _NOT_THERE) for step in (2, 3, 4, 32, 33)),
        *(Known(step, "body", _NOT_THERE) for step in (2, 3, 4, 32, 33)),
        *(Known(step, "body.detail", _OWN) for step in (14, 15, 16, 17, 20)),
        *(Known(step, "body.status", _PROBLEM_STATUS) for step in (14, 15, 16, 17, 20)),
        Known(29, "status", "that a directory is closed is no failure of the server"),
    ),
    "acme external account keys": (_MAX_TTL,),
    "acme messages that nobody signed": (
        _MAX_TTL,
        *(Known(step, "body.detail", _OWN) for step in range(7, 15)),
        *(Known(step, "body.status", _PROBLEM_STATUS) for step in range(7, 15)),
        Known(17, "body.type", "the type that RFC 8555, section 6.2 wants, with the algorithms there are"),
    ),
    "transit types of keys": (
        Known(26, "status", "Vault makes a key of 32 bytes where no size is named"),
        *_mistakes(*range(33, 37)),
    ),
    "transit a key's life": _mistakes(55, 56, 57),
    "transit tools": tuple(Known(step, "body.errors.0", _FORMATTED) for step in (6, 8)),
    "transit exports and backups": (
        *_mistakes(10, 11, *range(18, 24), 34, 35, 45, 50, 51, 53, 57, 61, 66, 67, 69, *range(82, 89)),
        *_mistakes(108, 109, 111, 114, *range(118, 123), 124),
    ),
    "transit keys from elsewhere": (
        *_mistakes(7, 8, 9, 13, 14, 15, 16, 18, 19, 21, 22, 26, 27, 30),
        Known(53, "body.errors.0", _OWN),
    ),
    "transit encryption": _mistakes(23, 29, 30, 43),
    "transit batches": (
        *_mistakes(*range(12, 21), 26),
        Known(21, "status", "an input that fails is told by the status, as all others are"),
    ),
    "transit signatures": _mistakes(28, 30, 31, 43, 44, 49, 50, 52, 62, 75),
    "transit codes": (Known(19, "body.errors.0", _FORMATTED),),
    "database mysql": (
        *(Known(step, "body.errors.0", _OWN) for step in (*range(4, 10), 36)),
        Known(12, "status", "a password in a URL is told of, whatever the database"),
        Known(13, "body.data.connection_details.connection_url", "and never shown"),
        *(Known(step, "status", _WRONG) for step in (25, 30, 41)),
    ),
    "database influxdb": (
        *(Known(step, "body.errors.0", _OWN) for step in (*range(5, 10), 37)),
        *(Known(step, "status", _WRONG) for step in (22, 42)),
    ),
    **{
        name: (
            *(Known(step, "body.errors.0", _OWN) for step in (8, 9)),
            *(Known(step, "status", _WRONG) for step in (25, 36, 39)),
        )
        for name in ("database redis", "database valkey")
    },
    "token roles in other forms of values": _mistakes(183),
    "mfa in namespaces below": (
        *_mistakes(20, 26),
        *(Known(step, "body.warnings.0", _OWN) for step in (17, 18)),
        Known(21, "body.errors.0", "the ID of an entity does not name its namespace"),
    ),
    "transit batches with members of other types": (
        *_mistakes(15, 22, 29),
        Known(30, "body.data.batch_results.1.error", _OWN),
    ),
    "ssh what is given empty": (
        *_mistakes(3, 4, 7, 8),
        Known(12, "status", "clients say nothing by an empty text: the role's principals count"),
    ),
    "transit parameters that the path gives": (
        Known(13, "body.warnings.0", _OWN),
        Known(18, "body.errors.0", _FORMATTED),
    ),
    "pki limits": (
        *(Known(step, "body.errors.0", _OWN) for step in (18, 19)),
        *(Known(step, "status", _PASSED) for step in (35, 36, 37)),
        Known(75, "status", _MISTAKE),
    ),
    "pki defaults": (
        *(Known(step, "status", "that there is no CRL is no failure of the server") for step in (11, 12, 13)),
        *(Known(step, "body.warnings.0", _OWN) for step in (25, 30)),
    ),
}


def explains(case: str, step: int, place: str) -> bool:
    """Whether a difference is a known one."""
    return any(known.covers(step, place) for known in (*EVERYWHERE, *KNOWN.get(case, ())))
