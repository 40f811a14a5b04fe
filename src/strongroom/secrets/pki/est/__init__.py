"""EST (RFC 7030): devices enroll over TLS, with a password or with the certificate they have."""
