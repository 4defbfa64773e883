"""Indexes photos in a table of another stack, with the key of an external service."""

import os

from aws_lambda_powertools.utilities import parameters

from functions.contracts.photos import PhotoIndexed, PhotoUploaded
from millrace.runtime import Table, processor


@processor
def handler(photo: PhotoUploaded, index: Table) -> PhotoIndexed:
    """Write the photo to the index."""
    api_key = str(parameters.get_secret(os.environ["SERVICE_KEY"]))
    model = str(parameters.get_parameter(os.environ["SERVICE_MODEL"]))
    index.put_item(Item={"key": photo.key, "size": photo.size, "key_length": len(api_key)})
    return PhotoIndexed(key=photo.key, indexed_with=model)
