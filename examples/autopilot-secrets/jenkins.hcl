# What the container may do: read its own secrets.
path "secret/jenkins/*" {
  capabilities = ["read"]
}
