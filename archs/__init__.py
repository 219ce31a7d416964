"""What is compared: one short file per architecture, found by `archs.registry` without further registration.

Importing this package loads nothing heavy: names and errors must not cost a torch import.
"""
