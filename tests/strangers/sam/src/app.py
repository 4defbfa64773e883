"""The function of the SAM template."""

import json
import os


def handler(event, _context):
    print("SEEN " + json.dumps(event))  # noqa: T201 - the tests read the log
    return {"statusCode": 200, "body": json.dumps([os.environ["WORD"], event.get("pathParameters")])}
