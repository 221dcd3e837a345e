"""Seathold with one promise broken: what the checker must find.

Processes that run with `tests.chaos.mutants.settings` obey the file that MUTANT_FILE names: while
it holds the name of a mutant (`changes.py`), they are that mutant.
"""
