"""Discovery of services and their resource types."""

from millrace.local import services
from millrace.local.cloudformation import registry

pytest_plugins = ["bare_moto"]

CLUSTERS = """
from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.types import ResourceType

CLUSTER = ResourceType(
    "AWS::ECS::Cluster",
    "ecs",
    name=Name("ClusterName", 255),
    create=Call("create_cluster", props("ClusterName")),
    id="{ClusterName}",
    delete=(Call("delete_cluster", by={"cluster": "{id}"}),),
)
TYPES = (CLUSTER,)
"""


def test_one_file_in_one_folder_adds_a_resource_type(bare, write_assembly, tmp_path, monkeypatch):
    folder = tmp_path / "added" / "ecs"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "resources.py").write_text(CLUSTERS)
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(folder.parent)])
    monkeypatch.setattr(registry, "TYPES", registry.discover())
    bare.deployer(tmp_path / "cache").deploy(write_assembly(Stack={"Cluster": {"Type": "AWS::ECS::Cluster"}}))
    (cluster,) = bare.client("ecs").list_clusters()["clusterArns"]
    assert ":cluster/Stack-Cluster-" in cluster
