"""Templates alone, run as consul-template runs them: its command line, its signals, its exit codes.

Reading, renewing, rendering and the processes are the agent's own.
"""
