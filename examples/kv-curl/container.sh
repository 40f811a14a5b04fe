#!/bin/sh
# Reads secret/jenkins/triton_cert into the file named, which only its owner can read.
# Environment: VAULT_ADDR, VAULT_TOKEN.
set -eu

file=${1:?the file to write}
fresh="$file.$$"
trap 'rm -f "$fresh"' EXIT

umask 077
answer=$(curl -sSf -H "X-Vault-Token: $VAULT_TOKEN" "$VAULT_ADDR/v1/secret/jenkins/triton_cert")
printf '%s' "$answer" | jq -je .data.value >"$fresh"
chmod 0400 "$fresh"
mv -f "$fresh" "$file"
