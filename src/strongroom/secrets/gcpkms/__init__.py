"""Google Cloud KMS: its keys, used and managed through this server and its policies."""

from strongroom.secrets.gcpkms.engine import GcpKms

__all__ = ["GcpKms"]
