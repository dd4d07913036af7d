"""The command line: `python -m core`.

Belongs here: arguments, printing, exit codes. Does not belong here: anything that a page needs too.

Public: `app.app` (all commands), `predict`, `console`.
"""
