"""Cryptography: the only package that imports ``cryptography``.

Key sizes, nonces and associated data are chosen here and nowhere else. A failed opening says
only :class:`~strongroom.crypto.aead.Unopenable`, never why.
"""
