#!/bin/sh
# Every login with a secret ID: when, from where, and what came of it. The audit log holds its HMAC only.
# Environment: VAULT_ADDR, VAULT_TOKEN of somebody who may write sys/audit-hash/file. The secret ID comes on stdin.
set -eu
log=${1:?the audit log}

hash=$(vault write -field=hash sys/audit-hash/file input=-)
jq -r --arg hash "$hash" '
	select(.type == "response" and .request.path == "auth/approle/login" and .request.data.secret_id == $hash)
	| "\(.time) \(.request.remote_address) \(if .error then "refused" else "in" end)"' "$log"
