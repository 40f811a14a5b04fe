"""The flags many commands share: how to reach the server, and how to print what it says."""

from __future__ import annotations

from strongroom.cli.flag import Flag

CONNECTION = "Connection options"
OUTPUT = "Output options"

HTTP = (
    Flag(
        "address",
        "string",
        "Where the server is: an http, https or unix URL.",
        env="ADDR",
        group=CONNECTION,
        shown="https://127.0.0.1:8200",
    ),
    Flag(
        "agent-address",
        "string",
        "Send requests to an agent at this URL instead.",
        env="AGENT_ADDR",
        group=CONNECTION,
    ),
    Flag(
        "ca-cert",
        "string",
        "PEM file with the authority that signed the server's certificate.",
        env="CACERT",
        group=CONNECTION,
        aliases=("ca_cert",),
    ),
    Flag("ca-path", "string", "Directory of such PEM files.", env="CAPATH", group=CONNECTION),
    Flag(
        "client-cert",
        "string",
        "PEM file with the certificate to show the server.",
        env="CLIENT_CERT",
        group=CONNECTION,
    ),
    Flag(
        "client-key",
        "string",
        "PEM file with the private key of -client-cert.",
        env="CLIENT_KEY",
        group=CONNECTION,
    ),
    Flag(
        "disable-redirects",
        "bool",
        "Report a redirect instead of following it.",
        env="DISABLE_REDIRECTS",
        group=CONNECTION,
    ),
    Flag(
        "header",
        "map",
        "Add an HTTP header, name=value. May be repeated; X-Vault-* is refused.",
        group=CONNECTION,
    ),
    Flag(
        "mfa", "list", "MFA credentials, method[:key[=value]]. May be repeated.", env="MFA", group=CONNECTION
    ),
    Flag(
        "namespace",
        "string",
        "Namespace the paths are relative to.",
        env="NAMESPACE",
        group=CONNECTION,
        aliases=("ns",),
    ),
    Flag("non-interactive", "bool", "Fail rather than ask a question.", group=CONNECTION),
    Flag("output-curl-string", "bool", "Print the equivalent curl command; send nothing.", group=CONNECTION),
    Flag("output-policy", "bool", "Print the policy this command needs; send nothing.", group=CONNECTION),
    Flag("policy-override", "bool", "Ask to override a soft-mandatory policy.", group=CONNECTION),
    Flag(
        "tls-server-name",
        "string",
        "Name to expect in the server's certificate.",
        env="TLS_SERVER_NAME",
        group=CONNECTION,
    ),
    Flag(
        "tls-skip-verify",
        "bool",
        "Do not check the server's certificate. Dangerous.",
        env="SKIP_VERIFY",
        group=CONNECTION,
    ),
    Flag("unlock-key", "string", "Key that unlocks a locked namespace.", group=CONNECTION),
    Flag(
        "wrap-ttl",
        "duration",
        "Wrap the answer in a one-time token that lives this long.",
        env="WRAP_TTL",
        group=CONNECTION,
    ),
)
FORMAT = Flag(
    "format",
    "string",
    "How to print: table, json, yaml or pretty; for read also raw.",
    default="table",
    env="FORMAT",
    group=OUTPUT,
)
FIELD = Flag(
    "field", "string", "Print only this field, bare; no newline is added unless to a terminal.", group=OUTPUT
)

PLAIN = HTTP
FORMATTED = (*HTTP, FORMAT)
FIELDED = (*HTTP, FIELD, FORMAT)
