"""What an operator does to a deployed system, in the local cloud and on AWS alike. Nothing here prints."""


class UsageError(Exception):
    """A request that cannot be carried out. The text explains what to do instead; `details` is for --verbose."""

    details: str = ""
