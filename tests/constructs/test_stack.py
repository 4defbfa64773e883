"""The stack of the shop: failure paths, permissions, encryption, logs."""

import itertools
import json

import pytest

from functions.contracts.credit import CreditRated
from functions.contracts.loyalty import PointsAwarded
from millrace.events import Catalog
from millrace.flow.schemas import schema_name

QUEUED = ["award_points", "issue_gift", "shelve_stock", "start_fulfilment", "upgrade_tier"]
FORCED = ("xray:", "logs:")  # these do not support resource-level permissions


def is_dead_letter(template, arn):
    queue = template.of("SQS::Queue")[arn["Fn::GetAtt"][0]]
    return "RedrivePolicy" not in queue and queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def mapping(template, name):
    function = {"Ref": template.function(name)}
    return next(m for m in template.of("Lambda::EventSourceMapping").values() if m["FunctionName"] == function)


def queue_of(template, name):
    return mapping(template, name)["EventSourceArn"]["Fn::GetAtt"][0]


@pytest.mark.parametrize("name", QUEUED)
def test_queue_redrives_to_the_dead_letter_queue(template, name):
    redrive = template.of("SQS::Queue")[queue_of(template, name)]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == 5
    assert is_dead_letter(template, redrive["deadLetterTargetArn"])


@pytest.mark.parametrize("name", QUEUED)
def test_rule_and_queue_share_the_dead_letter_queue(template, name):
    queue = queue_of(template, name)
    (target,) = template.targets(queue)
    redrive = template.of("SQS::Queue")[queue]["RedrivePolicy"]
    assert target["DeadLetterConfig"]["Arn"] == redrive["deadLetterTargetArn"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


@pytest.mark.parametrize("name", QUEUED)
def test_visibility_timeout_is_six_function_timeouts(template, name):
    timeout = template.resources[template.function(name)]["Properties"]["Timeout"]
    assert template.of("SQS::Queue")[queue_of(template, name)]["VisibilityTimeout"] >= 6 * timeout


@pytest.mark.parametrize("name", QUEUED)
def test_event_source_has_partial_batch_responses_and_maximum_concurrency(template, name):
    found = mapping(template, name)
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert found["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_direct_channel_has_a_rule_dead_letter_queue_and_an_on_failure_destination(template):
    function = template.function("rate_credit")
    (target,) = template.targets(function)
    (config,) = template.of("Lambda::EventInvokeConfig").values()
    dead_letters = target["DeadLetterConfig"]["Arn"]
    assert config["FunctionName"] == {"Ref": function}
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == dead_letters
    assert is_dead_letter(template, dead_letters)


def test_every_rule_target_has_a_dead_letter_queue(template):
    targets = [target for rule in template.of("Events::Rule").values() for target in rule["Targets"]]
    fallback = template.source(template.function("notify_by_post"))
    arns = [target.get("DeadLetterConfig", target)["Arn"] for target in targets]
    assert all(is_dead_letter(template, arn) or arn == fallback for arn in arns)


def test_rule_matches_the_events_of_its_handler(template):
    (target,) = template.targets(template.function("rate_credit"))
    (rule,) = [rule for rule in template.of("Events::Rule").values() if target in rule["Targets"]]
    assert rule["EventPattern"] == {
        "source": ["shop.fulfilment"],
        "detail-type": ["OrderCompleted", "OrderRejected"],
    }


@pytest.mark.parametrize(("name", "event"), [("award_points", PointsAwarded), ("rate_credit", CreditRated)])
def test_function_may_publish_only_declared_events(template, name, event):
    (statement,) = [s for s in template.statements(template.function(name)) if s["Action"] == "events:PutEvents"]
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {
            "events:source": [event.contract.source],
            "events:detail-type": [event.contract.detail_type],
        },
        "Null": {"events:source": "false", "events:detail-type": "false"},
    }
    assert template.resources[statement["Resource"]["Fn::GetAtt"][0]]["Type"] == "AWS::Events::EventBus"


def test_function_without_output_events_may_not_publish(template):
    actions = [s["Action"] for s in template.statements(template.function("shelve_stock"))]
    assert "events:PutEvents" not in actions


def test_function_without_tables_may_only_access_idempotency_records(template):
    statements = template.statements(template.function("upgrade_tier"))
    (records,) = [s for s in statements if "dynamodb" in str(s)]
    assert "Idempotency" in str(records["Resource"])


def test_function_may_only_access_its_own_idempotency_records(template):
    (records,) = [s for s in template.statements(template.function("upgrade_tier")) if "LeadingKeys" in str(s)]
    assert records["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["Shop.Loyalty.UpgradeTier#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def test_every_handler_has_its_own_idempotency_scope_and_window(template):
    declared = [name for name, known in template.metadata().items() if known["kind"] in ("processor", "step")]
    settings = [template.resources[name]["Properties"]["Environment"]["Variables"] for name in declared]
    windows = {known.get("MILLRACE_IDEMPOTENCY_SECONDS") for known in settings}
    assert windows == {str(20 * 24 * 3600), None}  # record_breach is repeatable
    assert len({known["MILLRACE_SCOPE"] for known in settings}) == len(declared)


def test_idempotency_records_expire(template):
    tables = [t for name, t in template.of("DynamoDB::Table").items() if "Idempotency" in name]
    assert [table["TimeToLiveSpecification"] for table in tables] == [{"AttributeName": "expiration", "Enabled": True}]


def test_no_permission_has_unnecessary_wildcards(template):
    policies = template.of("IAM::Policy").values()
    for statement in itertools.chain.from_iterable(p["PolicyDocument"]["Statement"] for p in policies):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        assert not [arn for arn in str(statement["Resource"]).split("'") if arn.endswith(":*")]
        if statement["Resource"] == "*":
            assert all(action.startswith(FORCED) for action in actions)


def test_every_function_has_its_own_role_without_managed_policies(template):
    roles = [str(function["Role"]) for function in template.of("Lambda::Function").values()]
    assert len(set(roles)) == len(roles)
    assert not [role for role in template.of("IAM::Role").values() if "ManagedPolicyArns" in role]


def test_starter_may_only_start_its_state_machine(template):
    (statement,) = [s for s in template.statements(template.function("start_fulfilment")) if "states:" in s["Action"]]
    assert statement["Action"] == "states:StartExecution"
    assert template.resources[statement["Resource"]["Ref"]]["Type"] == "AWS::StepFunctions::StateMachine"


def test_starter_environment_names_its_event_and_state_machine(template):
    environment = template.resources[template.function("start_fulfilment")]["Properties"]["Environment"]["Variables"]
    assert environment["MILLRACE_TRIGGER"] == "functions.contracts.orders:OrderPlaced"
    assert environment["MILLRACE_STATE_MACHINE"]["Ref"] in template.of("StepFunctions::StateMachine")


def test_schema_registry_contains_every_event(template):
    schemas = template.of("EventSchemas::Schema").values()
    assert {schema["SchemaName"] for schema in schemas} == {schema_name(e) for e in Catalog.load("functions.contracts")}
    assert [registry["RegistryName"] for registry in template.of("EventSchemas::Registry").values()] == ["shop"]


def test_every_log_group_has_a_retention(template):
    groups = template.of("Logs::LogGroup")
    assert all(group["RetentionInDays"] == 30 for group in groups.values())
    logged = {f["LoggingConfig"]["LogGroup"]["Ref"] for f in template.of("Lambda::Function").values()}
    assert len(logged) == len(template.metadata())
    assert logged <= groups.keys()


def test_queues_and_tables_are_encrypted(template):
    assert all(queue["SqsManagedSseEnabled"] for queue in template.of("SQS::Queue").values())
    assert all(table["SSESpecification"]["SSEEnabled"] for table in template.of("DynamoDB::Table").values())


def test_every_queue_requires_tls(template):
    tls_only = [
        policy["Queues"][0]["Ref"]
        for policy in template.of("SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert sorted(tls_only) == sorted(template.of("SQS::Queue"))


def test_every_table_has_point_in_time_recovery(template):
    tables = template.of("DynamoDB::Table").values()
    assert all(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] for table in tables)


def test_bus_has_an_archive_a_dead_letter_queue_and_no_policy_of_its_own(template):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html"""
    (bus,) = template.of("Events::EventBus").values()
    (archive,) = template.of("Events::Archive").values()
    assert archive["RetentionDays"] == 30
    assert "EventPattern" not in archive
    assert not template.of("Events::EventBusPolicy")
    assert is_dead_letter(template, bus["DeadLetterConfig"]["Arn"])


def test_every_dead_letter_queue_and_function_has_an_alarm(template):
    alarms = [str(alarm) for alarm in template.of("CloudWatch::Alarm").values()]
    queues = [name for name, queue in template.of("SQS::Queue").items() if "RedrivePolicy" not in queue]
    assert all(any(name in alarm for alarm in alarms) for name in [*queues, *template.metadata()])


def test_every_stream_consumer_has_an_iterator_age_alarm(template):
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#performance-metrics"""
    sources = template.of("Lambda::EventSourceMapping").values()
    readers = [source["FunctionName"]["Ref"] for source in sources if "StartingPosition" in source]
    alarms = template.of("CloudWatch::Alarm").values()
    watched = [str(alarm["Dimensions"]) for alarm in alarms if alarm.get("MetricName") == "IteratorAge"]
    assert readers
    assert all(any(name in alarm for alarm in watched) for name in readers)


def test_only_functions_that_send_to_their_own_queue_allow_recursive_loops(template):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
    functions = template.of("Lambda::Function")
    allowing = [name for name, function in functions.items() if function.get("RecursiveLoop") == "Allow"]
    assert allowing == [template.function("notify_by_mail")]


def test_relay_may_list_only_the_streams_of_its_table(template):
    (statement,) = [s for s in template.statements(template.function("relay_order_store")) if "ListStreams" in str(s)]
    assert str(statement["Resource"]).endswith("/stream/*']]}")


def test_buckets_stay_when_the_stack_is_deleted_but_not_after_a_failed_first_deployment(template):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    buckets = [each for each in template.resources.values() if each["Type"] == "AWS::S3::Bucket"]
    assert buckets
    assert {bucket["DeletionPolicy"] for bucket in buckets} == {"RetainExceptOnCreate"}


def test_task_timeouts_leave_room_for_a_cold_start(template):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    tasks = [state for state in template.machine()["States"].values() if state["Type"] == "Task"]
    invoked = [task for task in tasks if not task["Resource"].endswith(".waitForTaskToken")]
    assert {task["TimeoutSeconds"] for task in invoked} == {30 + 10 + 5}


def test_registry_schemas_have_no_null_defaults(template):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html"""
    assert not [s for s in template.of("EventSchemas::Schema").values() if '"default": null' in s["Content"]]


def test_tables_are_retained_and_protected_by_default(template):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html"""
    tables = {name: each for name, each in template.resources.items() if each["Type"] == "AWS::DynamoDB::Table"}
    retained = {name for name, each in tables.items() if each["DeletionPolicy"] == "Retain"}
    protected = {name for name, each in tables.items() if each["Properties"].get("DeletionProtectionEnabled")}
    assert retained == protected
    assert {name[:-8] for name in tables.keys() - retained} == {
        "AccessLogWatchAccessWindows",
        "BusCallbacksTokens",
        "BusCircuitsStates",
        "BusIdempotencyRecords",
        "ColdChainWatchCargoWindows",
    }


def test_stack_is_protected_from_termination_by_default(template):
    manifest = json.loads((template.assembly / "manifest.json").read_text())
    assert manifest["artifacts"]["Shop"]["properties"]["terminationProtection"] is True


def test_cfn_lint_reports_no_error(template):
    from cfnlint.api import ManualArgs, lint_file

    (file,) = template.assembly.glob("*.template.json")
    found = lint_file(file, ManualArgs(regions=["us-east-1"]))
    assert [match for match in found if match.rule.severity == "error"] == []
