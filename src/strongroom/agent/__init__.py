"""The agent: stands beside an application, so that the application needs no code for secrets.

It logs in, keeps the token alive, renders files, runs or restarts a process, and behaves when the server
is away. It is a client like any other: it uses the HTTP API only.
"""
