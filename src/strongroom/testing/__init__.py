"""A real server inside a test: fixtures ``strongroom`` and ``strongroom_session`` for pytest."""
