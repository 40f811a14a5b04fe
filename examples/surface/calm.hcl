# The same template for a fleet: at most 4 machines of the group restart at once.
template {
  source      = "hello.ctmpl"
  destination = "hello.json"
  perms       = 0600
  command     = "./restart.sh"

  cycle {
    group          = "hello"
    max_concurrent = 4
    path           = "secret/cycle"
    drain          = "touch draining && sleep 1"
    health         = "http://127.0.0.1:8080/health"
    grace          = "1s"
  }
}
