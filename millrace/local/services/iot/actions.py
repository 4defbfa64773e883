"""The actions of topic rules that the local cloud supports: what each calls, and the permission that its role needs.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-actions.html
"""

from typing import Any

PERMISSIONS = {
    "cloudwatchLogs": "logs:PutLogEvents",
    "firehose": "firehose:PutRecord",
    "kinesis": "kinesis:PutRecord",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "stepFunctions": "states:StartExecution",
}
"""The permission of the role; the policy of the function gives that of `lambda`."""


def name_of(action: dict[str, Any]) -> str:
    """Return the name of an action in error messages, such as `KinesisAction`."""
    (kind,) = action
    return f"{kind[0].upper()}{kind[1:]}Action"


def target_of(action: dict[str, Any], region: str, account: str) -> str:
    """Return the ARN of the resource that an action calls."""
    ((kind, settings),) = action.items()
    where = f"{region}:{account}"
    match kind:
        case "cloudwatchLogs":
            return f"arn:aws:logs:{where}:log-group:{settings['logGroupName']}"
        case "firehose":
            return f"arn:aws:firehose:{where}:deliverystream/{settings['deliveryStreamName']}"
        case "kinesis":
            return f"arn:aws:kinesis:{where}:stream/{settings['streamName']}"
        case "sqs":
            return f"arn:aws:sqs:{where}:{settings['queueUrl'].rpartition('/')[2]}"
        case "stepFunctions":
            return f"arn:aws:states:{where}:stateMachine:{settings['stateMachineName']}"
    return str(settings["functionArn"] if kind == "lambda" else settings["targetArn"])
