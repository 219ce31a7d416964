"""The architectures that are compared, one short file each, which `archs.registry` finds by itself.

Importing this package does not import torch, since names and errors are needed without it.
"""
