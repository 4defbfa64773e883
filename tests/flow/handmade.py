"""Handwritten assemblies for resources that no construct of Millrace creates."""

import json

from millrace.flow import Assembly, read_graph


def assembly(folder, **stacks):
    """An assembly of stacks, each given as its resources or as a whole template."""
    artifacts = {}
    for name, template in stacks.items():
        whole = template if "Resources" in template else {"Resources": template}
        (folder / f"{name}.json").write_text(json.dumps(whole))
        artifacts[name] = {"type": "aws:cloudformation:stack", "properties": {"templateFile": f"{name}.json"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return Assembly(folder)


def graph(folder, *events, **stacks):
    return read_graph(assembly(folder, **stacks), events, folder)


def of(kind, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


def att(name, attribute="Arn"):
    return {"Fn::GetAtt": [name, attribute]}
