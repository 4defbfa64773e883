"""Amazon SQS: queues, their messages, and message-move tasks.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from millrace.local.services.sqs.message_store import store_of, trace_header
from millrace.local.services.sqs.receiving import move_to_dead_letter_queue, receive, record
from millrace.local.services.sqs.service import Sqs

SERVICE = Sqs

__all__ = ["Sqs", "move_to_dead_letter_queue", "receive", "record", "store_of", "trace_header"]
