# What a member of the group may do besides reading its secrets: keep its turn in the group's one document.
path "secret/data/cycle/hello" {
  capabilities = ["create", "read", "update"]
}
