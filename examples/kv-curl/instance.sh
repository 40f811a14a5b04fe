#!/bin/sh
# Gives a machine a token that may create and read secret/example_*, and shows that it may do no more.
# Environment: VAULT_ADDR, VAULT_TOKEN (of one who may write policies and create tokens).
set -eu
cd "$(dirname "$0")"

operator() { curl -sSf -H "X-Vault-Token: $VAULT_TOKEN" "$@"; }
status() { curl -sS -o /dev/null -w '%{http_code}' -H "X-Vault-Token: $token" "$@"; }

jq -n --rawfile policy example-policy.hcl '{$policy}' |
  operator -X PUT -d @- "$VAULT_ADDR/v1/sys/policies/acl/example-policy"
token=$(operator -X POST -d '{"policies": ["example-policy"], "ttl": "500h"}' "$VAULT_ADDR/v1/auth/token/create" |
  jq -re .auth.client_token)

secret="$VAULT_ADDR/v1/secret/example_$$"
echo "create: $(status -X POST -d '{"value": "first"}' "$secret")"
echo "read:   $(curl -sSf -H "X-Vault-Token: $token" "$secret" | jq -re .data.value)"
echo "change: $(status -X POST -d '{"value": "second"}' "$secret")"
echo "delete: $(status -X DELETE "$secret")"
echo "others: $(status "$VAULT_ADDR/v1/secret/jenkins/triton_cert")"
