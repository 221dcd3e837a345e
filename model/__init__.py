"""Seathold's protocol as a model that a computer can walk through, state by state.

`python -m model --help` runs it, `docs/model.md` says what it covers. It imports nothing but
Python: it shares names with the code, and `tests/model` keeps both in step.
"""
