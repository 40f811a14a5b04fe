"""The token store: making tokens from tokens, looking them up, renewing and revoking them.

Source of the behaviour: the ``auth/token`` part of Vault's HTTP API, checked against the peer.
"""

from strongroom.auth.token.token import TokenAuth

__all__ = ["TokenAuth"]
