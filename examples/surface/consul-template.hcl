# As it was written for consul-template; the agent takes it as it stands. VAULT_ADDR says where the server is.
max_stale = "10m"
retry     = "1s"
splay     = "200ms"
log_level = "info"

vault {
  renew = true
}

template {
  source          = "hello.ctmpl"
  destination     = "hello.json"
  command         = "./restart.sh"
  command_timeout = "60s"
  perms           = 0600
  backup          = true
  wait            = "200ms:2s"
}
