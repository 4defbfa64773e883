"""Amazon SQS: queues, their messages, and message-move tasks.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from millrace.local.services.sqs.message_store import store_of
from millrace.local.services.sqs.receiving import receive, record
from millrace.local.services.sqs.service import Sqs

SERVICE = Sqs

__all__ = ["Sqs", "receive", "record", "store_of"]
