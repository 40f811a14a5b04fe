"""Strongroom and the peer side by side, measured in one run."""
