# How the machine logs in: two salted hashes, made of the service's name and of the machine's address.
pid_file = "agent.pid"

auto_auth {
  method "app-id" {
    min_backoff = "200ms"
    max_backoff = "30s"
    config = {
      salt_file_path = "salt"
      service        = "hello"
      address        = "127.0.0.1"
    }
  }
}
