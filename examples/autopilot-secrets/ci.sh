#!/bin/sh
# Run by CI for each container: prints the environment of the container, with a secret ID for one login.
# Environment: VAULT_ADDR, VAULT_TOKEN (that of CI), ROLE_ID.
#   NETWORK   the container's network, as 10.4.2.7/32: a login from elsewhere fails
#   WRAP_TTL  as 60s: hand out a wrapping token in place of the secret ID, which shows whether somebody saw it
set -eu

set -- auth/approle/role/jenkins/secret-id ${NETWORK:+"cidr_list=$NETWORK"} metadata="{\"build\": \"${BUILD:-0}\"}"

if [ -n "${WRAP_TTL:-}" ]; then
	name=WRAPPED_SECRET_ID
	secret=$(vault write -field=wrapping_token -wrap-ttl="$WRAP_TTL" "$@")
else
	name=SECRET_ID
	secret=$(vault write -field=secret_id "$@")
fi

echo "VAULT_ADDR=$VAULT_ADDR"
echo "ROLE_ID=$ROLE_ID"
echo "$name=$secret"
