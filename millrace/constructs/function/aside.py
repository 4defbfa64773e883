"""Where a function puts what no retry can make good."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE, grant_key
from millrace.constructs.function.cycles import AllowedCycle
from millrace.constructs.function.function import Function
from millrace.runtime.aside import DEAD_LETTERS, MAX_HOPS, QUARANTINE


def put_aside(function: Function, bus: Bus, dead_letters: sqs.Queue, cycle: AllowedCycle | None) -> None:
    """Let a function send to the bus's dead letters and to its own, and tell it how far an event may have come."""
    most = cycle.max_hops if cycle else bus.max_hops
    queues = {QUARANTINE: bus.dead_letters, DEAD_LETTERS: dead_letters}
    for variable, queue in queues.items():
        function.function.add_environment(variable, queue.queue_url)
    function.function.add_environment("MILLRACE_BUS", bus.name)
    function.function.add_environment(MAX_HOPS, str(most))
    arns = [queue.queue_arn for queue in queues.values()]
    function.role.add_to_principal_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=arns))
    grant_key(bus.encryption_key, function.role, "sqs", WRITE)
    function.note(max_hops=most)
