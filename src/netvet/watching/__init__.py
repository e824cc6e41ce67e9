"""How watching is done: the hooks, what they read, and the epochs of a user's own loop. The probes are in
`netvet.probes`.
"""
