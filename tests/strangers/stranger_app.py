"""The apps: one stack for each combination of source and target."""

import aws_cdk as cdk
from stacks_apis import API_STACKS
from stacks_custom import CUSTOM_STACKS
from stacks_events import EVENT_STACKS
from stacks_firehose import FIREHOSE_STACKS
from stacks_http import HTTP_STACKS
from stacks_machines import MACHINE_STACKS
from stacks_pipes import PIPE_STACKS
from stacks_schedules import SCHEDULE_STACKS
from stacks_sources import SOURCE_STACKS

# by test module, so that each deploys only its own
STACKS = {
    "test_event_stacks": EVENT_STACKS,
    "test_source_stacks": SOURCE_STACKS,
    "test_custom_stacks": CUSTOM_STACKS,
    "test_pipe_stacks": PIPE_STACKS,
    "test_api_stacks": API_STACKS,
    "test_http_stacks": HTTP_STACKS,
    "test_schedule_stacks": SCHEDULE_STACKS,
    "test_machine_stacks": MACHINE_STACKS,
    "test_firehose_stacks": FIREHOSE_STACKS,
}


def synthesise(folder, stacks):
    """Write the assembly of stacks to a folder."""
    app = cdk.App(outdir=str(folder), analytics_reporting=False)
    for build in stacks:
        name = "".join(word.capitalize() for word in build.__name__.split("_"))
        build(cdk.Stack(app, name))
    app.synth()
