"""Event-driven systems on AWS: the signature is the wiring."""

__version__ = "0.1.0"
