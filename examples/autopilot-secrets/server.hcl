# One node. Secret IDs and their use counts are rows on disk; every request is in the audit log.
storage "lmdb" {
  path = "/var/lib/strongroom"
}

listener "tcp" {
  address     = "127.0.0.1:8200"
  tls_disable = true # for a try on one machine; across a network give tls_cert_file and tls_key_file
}

audit "file" "file" {
  options = { file_path = "/var/log/strongroom/audit.log" }
}

api_addr = "http://127.0.0.1:8200"
