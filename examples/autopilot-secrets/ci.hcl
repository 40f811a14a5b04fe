# What CI may do: mint secret IDs of one role. It can neither log in as that role nor read its secrets, since
# it does not know the role's ID; a secret ID it mints is good once, for ten minutes, whatever it asks for.
path "auth/approle/role/jenkins/secret-id" {
  capabilities = ["update"]
}
