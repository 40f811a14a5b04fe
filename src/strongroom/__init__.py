"""Strongroom: a secrets server that speaks the Vault HTTP API."""

from __future__ import annotations

__version__ = "0.1.0"
