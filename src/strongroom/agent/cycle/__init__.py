"""Calm fleets: members of a group restart by turns, coordinated through the server."""
