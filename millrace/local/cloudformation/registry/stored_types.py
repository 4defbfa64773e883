"""Resource types that no event passes: stored with the stack, without any effect.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Cloud
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.types import Properties, Resource, ResourceType

_NO_VPC = "functions run on this machine, outside of any VPC"
_NO_DNS = "the local cloud has no DNS, certificates or edge locations"
_NO_DEVICES = "the local cloud has no devices; publish with the API of iot-data"
_REASONS = {
    _NO_VPC: (
        *("EC2", "EFS", "FSx", "ElasticLoadBalancing", "ElasticLoadBalancingV2", "NetworkFirewall", "ServiceDiscovery"),
        "VpcLattice",
    ),
    _NO_DNS: (*("ACMPCA", "CertificateManager", "CloudFront", "GlobalAccelerator", "Route53", "Route53Resolver"),),
    "the local cloud runs no containers or servers": (
        *("AppRunner", "AutoScaling", "Batch", "ECS", "EKS", "ElasticBeanstalk", "ImageBuilder", "Lightsail"),
    ),
    "the local cloud scales nothing": ("ApplicationAutoScaling", "AutoScalingPlans"),
    "the local cloud has no users; requests that need a token of a user are denied": (
        *("Cognito", "IdentityStore", "SSO", "VerifiedPermissions"),
    ),
    "the local cloud filters and audits no requests": (
        *("AccessAnalyzer", "CloudTrail", "Config", "Detective", "FMS", "GuardDuty", "InspectorV2", "Macie", "RAM"),
        *("SecurityHub", "Shield", "WAF", "WAFRegional", "WAFv2"),
    ),
    "the local cloud has no such database; a connection to it fails": (
        *("Cassandra", "DAX", "DocDB", "DSQL", "QLDB", "ElastiCache", "Elasticsearch", "MemoryDB", "Neptune"),
        *("OpenSearchServerless", "OpenSearchService", "RDS", "Redshift", "RedshiftServerless", "S3Tables"),
        *("S3Vectors", "Timestream"),
    ),
    "the resource does not exist in its service, so a call that names it fails": (
        *("Amplify", "AppConfig", "AppSync", "Bedrock", "BedrockAgentCore", "Comprehend", "Connect", "Lex"),
        *("Location", "MediaConvert", "MediaLive", "MediaPackage", "MediaStore", "Personalize", "Pinpoint"),
        *("Kendra", "Rekognition", "SageMaker", "SES", "Transfer"),
    ),
    "the local cloud runs no jobs on data": (
        *("AppFlow", "Athena", "DataBrew", "DataSync", "DMS", "EMR", "EMRServerless", "Glue", "KinesisAnalytics"),
        *("KinesisAnalyticsV2", "LakeFormation", "MWAA", "QuickSight"),
    ),
    "the local cloud has no such broker; a connection to it fails": ("AmazonMQ", "KafkaConnect", "MSK"),
    "the local cloud runs no pipelines and shifts no traffic": (
        *("Cloud9", "CodeArtifact", "CodeBuild", "CodeCommit", "CodeConnections", "CodeDeploy", "CodeGuruProfiler"),
        *("CodePipeline", "CodeStarConnections", "CodeStarNotifications", "Signer"),
    ),
    "the local cloud has no operations console": (
        *("ApplicationInsights", "APS", "Backup", "Budgets", "CE", "Chatbot", "CUR", "DevOpsGuru", "FIS", "Grafana"),
        *("InternetMonitor", "Oam", "Organizations", "ResilienceHub", "ResourceExplorer2", "ResourceGroups", "RUM"),
        *("ServiceCatalog", "ServiceCatalogAppRegistry", "SSMContacts", "SSMIncidents", "Synthetics", "XRay"),
    ),
}
STORED_SERVICES = {f"AWS::{service}": reason for reason, services in _REASONS.items() for service in services}
STORED_TYPES = {
    "AWS::ApiGateway::ClientCertificate": _NO_DNS,
    "AWS::ApiGateway::DocumentationPart": "no request depends on it",
    "AWS::ApiGateway::DocumentationVersion": "no request depends on it",
    "AWS::ApiGateway::BasePathMapping": _NO_DNS,
    "AWS::ApiGateway::BasePathMappingV2": _NO_DNS,
    "AWS::ApiGateway::DomainName": _NO_DNS,
    "AWS::ApiGateway::DomainNameV2": _NO_DNS,
    "AWS::ApiGateway::GatewayResponse": "errors of a REST API have the default responses of API Gateway",
    "AWS::ApiGateway::VpcLink": _NO_VPC,
    "AWS::ApiGatewayV2::ApiMapping": _NO_DNS,
    "AWS::ApiGatewayV2::DomainName": _NO_DNS,
    "AWS::ApiGatewayV2::VpcLink": _NO_VPC,
    "AWS::CloudFormation::WaitConditionHandle": "the local cloud receives no signals; CDK and SAM use it as a dummy",
    "AWS::CloudWatch::AnomalyDetector": "the local cloud detects no anomalies",
    "AWS::CloudWatch::InsightRule": "the local cloud has no operations console",
    "AWS::IAM::InstanceProfile": "the local cloud runs no containers or servers",
    "AWS::IAM::OIDCProvider": "the local cloud takes no tokens of identity providers",
    "AWS::IAM::SAMLProvider": "the local cloud takes no tokens of identity providers",
    "AWS::IAM::ServiceLinkedRole": "services need no role of their own here",
    "AWS::IoT::Certificate": _NO_DEVICES,
    "AWS::IoT::Policy": _NO_DEVICES,
    "AWS::IoT::PolicyPrincipalAttachment": _NO_DEVICES,
    "AWS::IoT::Thing": _NO_DEVICES,
    "AWS::IoT::ThingGroup": _NO_DEVICES,
    "AWS::IoT::ThingPrincipalAttachment": _NO_DEVICES,
    "AWS::IoT::ThingType": _NO_DEVICES,
    "AWS::EventSchemas::Discoverer": "the local cloud infers no schemas from events",
    "AWS::Lambda::CodeSigningConfig": "the local cloud checks no signatures of code",
    "AWS::Lambda::LayerVersionPermission": "layers are used in their own account only",
    "AWS::Logs::QueryDefinition": "the local cloud has no operations console",
    "AWS::S3::AccessPoint": "requests name buckets; those to an access point fail",
    "AWS::S3::StorageLens": "the local cloud has no operations console",
    "AWS::SecretsManager::RotationSchedule": "the local cloud rotates no secrets",
    "AWS::SecretsManager::SecretTargetAttachment": "the local cloud has no such database; a connection to it fails",
    "AWS::SSM::Document": "the local cloud runs no containers or servers",
    "AWS::SSM::MaintenanceWindow": "the local cloud runs no containers or servers",
}
_REF_IS_ARN = frozenset(
    {
        "AWS::AppRunner::Service",
        "AWS::Batch::ComputeEnvironment",
        "AWS::Batch::JobDefinition",
        "AWS::Batch::JobQueue",
        "AWS::CertificateManager::Certificate",
        "AWS::CloudFront::Function",
        "AWS::CodeConnections::Connection",
        "AWS::CodeStarConnections::Connection",
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::IAM::OIDCProvider",
        "AWS::IAM::SAMLProvider",
        "AWS::Lambda::CodeSigningConfig",
        "AWS::MSK::Cluster",
        "AWS::MSK::ServerlessCluster",
        "AWS::SageMaker::Endpoint",
        "AWS::SageMaker::Model",
    }
)
"""Types of which Ref returns the ARN, which policies contain."""


def stored_reason(name: str) -> str | None:
    """Return why a type is only stored; None for another type."""
    return STORED_TYPES.get(name) or STORED_SERVICES.get(name.rpartition("::")[0])


@dataclass(frozen=True)
class _Attributes(Mapping[str, str]):
    """A value for any attribute: an ARN where AWS has one, otherwise a text that contains the resource's name."""

    arn: str
    name: str

    def __getitem__(self, attribute: str) -> str:
        return self.arn if attribute.endswith("Arn") else f"{self.name}.{attribute}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class StoredType(ResourceType):
    """A type without any call. It accepts every property and attribute."""

    def check_properties(self, logical_id: str, properties: Iterable[str]) -> None:
        """Accept every property."""

    def check_attribute(self, referrer: str, attribute: str) -> None:
        """Accept every attribute."""

    def physical_name(self, stack: str, logical_id: str, properties: Properties, source: random.Random) -> str:
        """Return a generated name."""
        return Name(None, 128).generated(stack, logical_id, properties, source)

    def create_resource(self, cloud: Cloud, logical_id: str, properties: Properties, name: str | None) -> Resource:
        """Return the resource. Nothing is called."""
        _, service, kind = self.type.split("::")
        arn = f"arn:{cloud.partition}:{service.lower()}:{cloud.region}:{cloud.account}:{kind.lower()}/{name}"
        attributes = _Attributes(arn, str(name))
        ref = arn if self.type in _REF_IS_ARN else str(name)
        return Resource(self.type, logical_id, ref, name, properties, attributes, dict(properties))

    def update_resource(self, cloud: Cloud, resource: Resource, properties: Properties) -> Resource:
        """Return the resource with other properties."""
        return self.create_resource(cloud, resource.logical_id, properties, resource.name)

    def delete_resource(self, cloud: Cloud, resource: Resource) -> None:
        """Do nothing."""


def stored_type(name: str) -> StoredType:
    """Return the declaration of a type that is only stored."""
    return StoredType(name, "cloudformation", None, "")


def effects_missing(types: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each reason for which types are only stored, with those types."""
    found: dict[str, list[str]] = {}
    for name in sorted(set(types)):
        if reason := stored_reason(name):
            found.setdefault(reason, []).append(name)
    yield from found.items()
