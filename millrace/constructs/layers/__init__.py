"""The Lambda architecture: speed views and batch views."""
