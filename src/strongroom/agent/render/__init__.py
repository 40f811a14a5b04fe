"""Templates kept rendered: what they need is fetched and renewed, what changed is written and told."""
