"""What passes through the agent and is worth keeping: leased secrets and the tokens they hang from."""
