"""Transit: encryption, signatures and codes as a service, by keys that never leave it unless allowed to."""

from strongroom.secrets.transit.engine import Transit

__all__ = ["Transit"]
