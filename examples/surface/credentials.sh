#!/bin/sh
# What a process does at its start: logs its machine in, and gets a database user of its own.
# Usage: credentials.sh SERVICE ADDRESS [MOUNT]    Prints three lines: user, password, lease.
# Environment: VAULT_ADDR, SALT.
set -eu
cd "$(dirname "$0")"
. ./identity.sh

who=$(jq -n --arg app_id "$(app_id "${1:?the service}")" --arg user_id "$(user_id "${2:?the address}")" '$ARGS.named')
login=$(printf '%s' "$who" | curl -sSf -d @- "$VAULT_ADDR/v1/auth/app-id/login")
token=$(printf '%s' "$login" | jq -re .auth.client_token)
made=$(curl -sSf -H "X-Vault-Token: $token" "$VAULT_ADDR/v1/${3:-hello-db}/creds/readwrite")
printf '%s' "$made" | jq -re '.data.username, .data.password, .lease_id'
