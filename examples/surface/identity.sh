# The two identifiers of a machine and a service, for sourcing: salted hashes, so that neither can be guessed.
# Environment: SALT, the same on the operator's machine and in the configuration of the services.

app_id() { printf '%s/service/%s' "$SALT" "$1" | sha256sum | cut -d ' ' -f 1; }
user_id() { printf '%s/address/%s' "$SALT" "$1" | sha256sum | cut -d ' ' -f 1; }
