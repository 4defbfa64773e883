"""SQS queues: their messages, how these come and go, and what moves them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from millrace.local.plane.queues.messages import next_visible, record, send
from millrace.local.plane.queues.moves import MessageMoves
from millrace.local.plane.queues.receiving import receive
from millrace.local.plane.queues.shelf import Shelf

__all__ = ["MessageMoves", "Shelf", "next_visible", "receive", "record", "send"]
