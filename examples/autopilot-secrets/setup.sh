#!/bin/sh
# Run once by an operator: the method, the policies, the role, and a token for CI, which is printed.
# Environment: VAULT_ADDR, VAULT_TOKEN.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

vault mount -path=secret -version=1 kv >&2
vault auth-enable approle >&2
vault policy-write jenkins "$here/jenkins.hcl" >&2
vault policy-write ci "$here/ci.hcl" >&2
vault write auth/approle/role/jenkins \
	token_policies=jenkins token_ttl=20m token_max_ttl=24h \
	secret_id_num_uses=1 secret_id_ttl=10m >&2

vault token-create -orphan -policy=ci -period=24h -display-name=ci -field=token
