#!/bin/sh
# Sets the server up: the database behind the old mount and behind today's, a service's machines as App IDs.
# Usage: operator.sh SERVICE ADDRESS...    Addresses are those of the machines the service runs on.
# Environment: VAULT_ADDR, VAULT_TOKEN, SALT, DATABASE (host:port/name), DATABASE_USER, DATABASE_PASSWORD.
set -eu
cd "$(dirname "$0")"
. ./identity.sh
service=${1:?the service}
shift

url="postgresql://$DATABASE_USER:$DATABASE_PASSWORD@$DATABASE?sslmode=disable"
vault mount -path=hello-db postgresql
vault write hello-db/config/connection connection_url="$url"
vault write hello-db/config/lease lease=1h lease_max=24h
vault write hello-db/roles/readwrite sql=@readwrite.sql

vault secrets enable -path=hello-database database
vault write hello-database/config/postgresql plugin_name=postgresql-database-plugin allowed_roles=readwrite \
  connection_url="postgresql://{{username}}:{{password}}@$DATABASE?sslmode=disable" \
  username="$DATABASE_USER" password="$DATABASE_PASSWORD"
vault write hello-database/roles/readwrite db_name=postgresql creation_statements=@readwrite.sql \
  default_ttl=1h max_ttl=24h

vault policy-write hello hello.hcl
vault auth-enable app-id
vault write "auth/app-id/map/app-id/$(app_id "$service")" value=hello display_name="$service"
for address; do
  vault write "auth/app-id/map/user-id/$(user_id "$address")" value="$(app_id "$service")" cidr_block="$address/32"
done
