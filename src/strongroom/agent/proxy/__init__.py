"""The API proxy: listeners on this machine whose requests are passed on to the server."""
