#!/bin/sh
# A container's start: logs in, leaves the secrets in a directory, mode 0400, and becomes the command given.
# Needs curl and jq. Environment: VAULT_ADDR, ROLE_ID, and SECRET_ID or WRAPPED_SECRET_ID; SECRETS, the directory.
set -eu
umask 077

fail() {
	echo "$1" >&2
	exit 1
}

if [ -n "${WRAPPED_SECRET_ID:-}" ]; then
	# Somebody who opened the envelope on its way could only pass on one of their own making: its path tells.
	made=$(curl -sS -d "{\"token\": \"$WRAPPED_SECRET_ID\"}" "$VAULT_ADDR/v1/sys/wrapping/lookup" |
		jq -r '.data.creation_path // empty')
	[ "$made" = auth/approle/role/jenkins/secret-id ] ||
		fail "ALARM: the wrapping token is used up, or was not made by the role: somebody has the secret ID"
	SECRET_ID=$(curl -sSf -X POST -H "X-Vault-Token: $WRAPPED_SECRET_ID" "$VAULT_ADDR/v1/sys/wrapping/unwrap" |
		jq -re .data.secret_id)
fi

login=$(printf '{"role_id": "%s", "secret_id": "%s"}' "$ROLE_ID" "$SECRET_ID" |
	curl -sS -d @- "$VAULT_ADDR/v1/auth/approle/login")
VAULT_TOKEN=$(echo "$login" | jq -re .auth.client_token) ||
	fail "ALARM: the login failed: $(echo "$login" | jq -c .errors)"
export VAULT_TOKEN
unset SECRET_ID WRAPPED_SECRET_ID

for name in triton_cert triton_key; do
	fresh="$SECRETS/.$name.$$"
	curl -sSf -H "X-Vault-Token: $VAULT_TOKEN" "$VAULT_ADDR/v1/secret/jenkins/$name" | jq -je .data.value >"$fresh" ||
		fail "no secret $name"
	chmod 0400 "$fresh"
	mv -f "$fresh" "$SECRETS/$name"
done

exec "$@"
