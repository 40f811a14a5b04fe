"""How the holder of an identifier is asked to show that it is theirs, and the look at what is there."""
