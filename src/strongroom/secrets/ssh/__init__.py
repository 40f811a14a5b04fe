"""SSH: certificates for users and hosts, and passwords that are good for one login."""

from strongroom.secrets.ssh.engine import SSH

__all__ = ["SSH"]
