"""What runs in the zygote and in the workers.

The standard library only: bootstrap.py imports these files under a private name, so that a function that brings its own
`millrace`, or any module named like one of these, meets none of ours.
"""
