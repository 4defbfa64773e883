"""SQS queues: their messages, how these come and go, and what moves them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from millrace.local.services.sqs.message_moves import MessageMoves
from millrace.local.services.sqs.message_store import MessageStore
from millrace.local.services.sqs.messages import next_visible, record, send
from millrace.local.services.sqs.receiving import receive

__all__ = ["MessageMoves", "MessageStore", "next_visible", "receive", "record", "send"]
