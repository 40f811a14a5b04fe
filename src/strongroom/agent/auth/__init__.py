"""Auto-auth: how the agent logs in, keeps its token alive, and where the token goes."""
