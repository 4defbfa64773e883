"""State machines with logs, traces and encryption.

https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
"""

from aws_cdk import Names, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import log_group
from millrace.constructs.bus.encryption import encrypt_state_machine
from millrace.constructs.observability.acknowledgements import acknowledge


def standard_machine(scope: Construct, start: sfn.IChainable, bus: Bus) -> sfn.StateMachine:
    """Create the standard state machine of a construct, with permissions for its tasks."""
    graph = sfn.StateGraph(start.start_state, f"the flow of {scope.node.path}")
    definition = {"Comment": scope.node.id, **graph.to_graph_json()}
    # Without the /aws/vendedlogs/ prefix, each state machine adds to the account's log resource policy, which is
    # limited: https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
    name = machine_name(scope)
    logs = log_group(scope, "MachineLogs", bus.encryption_key, log_group_name=f"/aws/vendedlogs/states/{name}")
    machine = sfn.StateMachine(
        scope,
        "Machine",
        definition_body=sfn.DefinitionBody.from_string(Stack.of(scope).to_json_string(definition)),
        state_machine_type=sfn.StateMachineType.STANDARD,
        tracing_enabled=True,
        logs=sfn.LogOptions(destination=logs, level=sfn.LogLevel.ALL, include_execution_data=False),
        state_machine_name=name,
    )
    for statement in graph.policy_statements:
        machine.add_to_role_policy(_without_versions(statement))
    if bus.encryption_key:
        encrypt_state_machine(machine, name, bus.encryption_key)
    reason = "X-Ray and log delivery do not support resource-level permissions."
    acknowledge(machine.role, reason, "AwsSolutions-IAM5[Resource::*]")
    acknowledge(machine, "CDK adds the dependency on the role and its policies.", "W3005")
    return machine


def machine_name(scope: Construct) -> str:
    """Return the name of the state machine of a construct, and of its log group.

    A key policy refers to it. It is set without a key, too, so that a key that is added later replaces nothing.
    """
    name: str = Names.unique_resource_name(scope, max_length=80, separator="-")
    return name


def _without_versions(statement: iam.PolicyStatement) -> iam.PolicyStatement:
    """Remove the ARNs of function versions, which CDK adds and no state invokes."""
    resources = statement.resources
    used = [arn for arn in resources if not (arn.endswith(":*") and arn.removesuffix(":*") in resources)]
    copy: iam.PolicyStatement = statement.copy(resources=used)
    return copy
