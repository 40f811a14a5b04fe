path "secret/example_*" {
  capabilities = ["create", "read"]
}
