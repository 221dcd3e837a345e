"""The API under random requests, made from its own description, against the real three services.

`python -m fuzz` (`make fuzz`) goes on for as long as it is told; a system test does it briefly.
"""
