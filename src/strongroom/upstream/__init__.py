"""How systems outside are spoken to, for engines that issue credentials there."""
