"""Following an image through a model: which modules it passes, what they multiply, which parameters they read.

Start at `follow.py`.

May import: nothing of archs.
"""
