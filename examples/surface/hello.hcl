path "hello-db/creds/readwrite" {
  capabilities = ["read"]
}

path "hello-database/creds/readwrite" {
  capabilities = ["read"]
}
