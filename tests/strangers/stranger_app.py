"""The app: one stack for each combination of source and target."""

import aws_cdk as cdk
from stacks_apis import API_STACKS
from stacks_custom import CUSTOM_STACKS
from stacks_events import EVENT_STACKS
from stacks_firehose import FIREHOSE_STACKS
from stacks_pipes import PIPE_STACKS
from stacks_sources import SOURCE_STACKS


def synthesise(folder):
    """Write the assembly of all stacks to a folder."""
    app = cdk.App(outdir=str(folder), analytics_reporting=False)
    for build in (*EVENT_STACKS, *SOURCE_STACKS, *CUSTOM_STACKS, *PIPE_STACKS, *API_STACKS, *FIREHOSE_STACKS):
        name = "".join(word.capitalize() for word in build.__name__.split("_"))
        build(cdk.Stack(app, name))
    app.synth()
