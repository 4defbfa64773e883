"""Events of photos."""

from millrace.events import Event


class PhotoUploaded(Event, source="gallery.uploads"):
    """A photo is in the bucket; the fields are those of S3."""

    bucket: str
    key: str
    size: int


class PhotoIndexed(Event, source="gallery.index", terminal="subscribers outside the app receive it"):
    """A photo is in the index."""

    key: str
    indexed_with: str


class DayEnded(Event, source="gallery.clock"):
    """The day is over."""

    report: str
