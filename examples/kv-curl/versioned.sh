#!/bin/sh
# The life of a secret with versions. Environment: VAULT_ADDR, VAULT_TOKEN.
set -eu

name="example_$$"
call() { curl -sSf -H "X-Vault-Token: $VAULT_TOKEN" "$@"; }
status() { curl -sS -o /dev/null -w '%{http_code}' -H "X-Vault-Token: $VAULT_TOKEN" "$@"; }
data="$VAULT_ADDR/v1/secret/data/$name"

echo "first:    version $(call -d '{"options": {"cas": 0}, "data": {"value": "one"}}' "$data" | jq -re .data.version)"
echo "second:   version $(call -d '{"options": {"cas": 1}, "data": {"value": "two"}}' "$data" | jq -re .data.version)"
echo "late:     $(status -d '{"options": {"cas": 1}, "data": {"value": "late"}}' "$data")"
echo "latest:   $(call "$data" | jq -re .data.data.value)"
echo "older:    $(call "$data?version=1" | jq -re .data.data.value)"

call -X DELETE "$data"
echo "deleted:  $(status "$data")"
call -d '{"versions": [2]}' "$VAULT_ADDR/v1/secret/undelete/$name"
echo "back:     $(call "$data" | jq -re .data.data.value)"
call -X PUT -d '{"versions": [1]}' "$VAULT_ADDR/v1/secret/destroy/$name"
echo "gone:     $(status "$data?version=1")"

echo "listed:   $(call -X LIST "$VAULT_ADDR/v1/secret/metadata" | jq -r '.data.keys[]' | grep -cx "$name")"
call -X DELETE "$VAULT_ADDR/v1/secret/metadata/$name"
echo "no trace: $(status "$VAULT_ADDR/v1/secret/metadata/$name")"
