"""Which way imports run between the rooms, read from the sources."""

import ast
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KIT = {"patterns", "events", "runtime", "constructs", "flow", "local", "operations", "testing", "scaffold", "cli"}
ARROWS = {
    "millrace/patterns": {"millrace.patterns"},
    "millrace/events": {"millrace.events"},
    "millrace/runtime": {"millrace.runtime", "millrace.events"},
    "millrace/flow": {"millrace.flow", "millrace.events", "millrace.patterns"},
    "millrace/constructs": {"millrace.constructs", "millrace.events", "millrace.flow", "millrace.runtime"},
    "millrace/operations": {"millrace.operations", "millrace.events", "millrace.flow", "millrace.patterns"},
    "millrace/local": {
        "millrace.local",
        "millrace.operations",
        "millrace.events",
        "millrace.flow",
        "millrace.patterns",
    },
    "millrace/scaffold": {"millrace.scaffold", "millrace.events"},
    "functions": {"functions", "millrace.events", "millrace.runtime"},
    "infra": {"infra", "millrace.constructs", "functions.contracts"},
}
ONLY_OF = {
    "aws_cdk": ("millrace/constructs", "infra", "app.py"),
    "moto": ("millrace/local",),
    "functions": ("functions", "infra"),
    "infra": ("infra", "app.py"),
}


def imports(path):
    """(file, module) of every import of the project's own packages, or of `ONLY_OF`, in a room."""
    files = [ROOT / path] if path.endswith(".py") else sorted((ROOT / path).rglob("*.py"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                yield file.relative_to(ROOT), _absolute(file, node)
            elif isinstance(node, ast.Import):
                yield from ((file.relative_to(ROOT), alias.name) for alias in node.names)


def within(module, package):
    return module == package or module.startswith(f"{package}.")


def _absolute(file, node):
    package = ".".join(file.parent.relative_to(ROOT).parts)
    return resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_what_its_arrows_lead_to(room):
    own = [
        (file, module) for file, module in imports(room) if module.split(".")[0] in ("millrace", "functions", "infra")
    ]
    astray = [
        f"{file} imports {module}"
        for file, module in own
        if module != "millrace" and not any(within(module, allowed) for allowed in ARROWS[room])
    ]
    assert own
    assert astray == []


@pytest.mark.parametrize("package", ONLY_OF)
def test_a_package_stays_in_its_rooms(package):
    paths = [*ARROWS, "millrace/testing", "millrace/cli", "app.py"]
    astray = [
        f"{file} imports {module}"
        for path in paths
        if not path.startswith(ONLY_OF[package])
        for file, module in imports(path)
        if within(module, package)
    ]
    assert astray == []


def test_every_room_of_the_kit_is_known_here():
    rooms = {path.name for path in (ROOT / "millrace").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= KIT


# -- the local cloud -------------------------------------------------------------------------------------------------

LOCAL = {
    "core": {"core", "workers"},
    "workers": {"workers"},
    "services": {"core", "workers", "cloudformation", "services"},
    "cloudformation": {"cloudformation", "core", "services"},
    "endpoint": {"endpoint", "core", "services"},
    "simulation": {"simulation", "core", "workers", "services", "cloudformation", "endpoint", "base"},
}


def room_of(module):
    """The folder that a module belongs to: one of the kit, of the local cloud, or of one service."""
    parts = module.split(".")
    if parts[:3] == ["millrace", "local", "services"]:
        return ".".join(parts[:4])
    return ".".join(parts[:3] if parts[:2] == ["millrace", "local"] else parts[:2])


def room_arrows():
    """Every room, and the rooms that it imports, imports for type checking included."""
    found = {}
    for file, module in imports("millrace"):
        own = room_of(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
        if within(module, "millrace") and module != "millrace":
            found.setdefault(own, set()).add(room_of(module))
    return {room: targets - {room} for room, targets in found.items()}


@pytest.mark.parametrize("room", LOCAL)
def test_a_room_of_the_local_cloud_imports_only_what_its_arrows_lead_to(room):
    astray = [
        f"{file} imports {module}"
        for file, module in imports(f"millrace/local/{room}")
        if within(module, "millrace.local") and not any(within(module, f"millrace.local.{to}") for to in LOCAL[room])
    ]
    assert [each for each in astray if not each.endswith("imports millrace.local")] == []


def test_no_import_circle_crosses_a_room():
    arrows = room_arrows()
    assert len(arrows) > 20
    while free := [room for room, targets in arrows.items() if not targets & arrows.keys()]:
        for room in free:
            del arrows[room]
    assert {room: sorted(targets & arrows.keys()) for room, targets in arrows.items()} == {}


def test_a_service_imports_only_the_face_of_another():
    service = "millrace.local.services."
    astray = [
        f"{file} imports {module}"
        for file, module in imports("millrace")
        if module.startswith(service)
        and module.count(".") > service.count(".")
        and room_of(".".join(file.with_suffix("").parts)) != room_of(module)
    ]
    assert astray == []
