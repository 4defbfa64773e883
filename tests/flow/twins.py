"""Broken and fixed apps for each check: `broken/<check>/bad` and `fixed`, copied over `broken/base`."""

import importlib
import json
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

from millrace.events import Catalog
from millrace.flow.checking import findings, read_system

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).parent / "broken"
NAMES = sorted(folder.name for folder in BROKEN.iterdir() if folder.name != "base")


def files_of(name, state):
    """The files that differ from the base. A fixed app without a folder consists of the base's files."""
    folder = BROKEN / name / state
    if folder.is_dir():
        return {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*.py"))}
    return {file: BROKEN / "base" / file for file in files_of(name, "bad")}


def lay_out(project, files):
    """Create a project: the base, changed files, and the layers of the shop. Return it."""
    shutil.copytree(BROKEN / "base", project)
    for file, source in files.items():
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, project / file)
    shutil.copyfile(ROOT / "requirements.txt", project / "requirements.txt")
    (project / ".millrace").mkdir()
    (project / ".millrace" / "layers").symlink_to(ROOT / ".millrace" / "layers")
    return project


class Twins:
    """Synthesises the apps in this process, one after the other."""

    def __init__(self, folder, monkeypatch):
        self._folder = folder
        self._monkeypatch = monkeypatch

    def found(self, name, state):
        """The ids of the findings in an app."""
        project = lay_out(self._folder / f"{name}-{state}", files_of(name, state))
        with self._imported(project):
            return [found.check for found in self._findings(project)]

    def _findings(self, project):
        out = self._synthesised(project)
        return findings(read_system(out, Catalog.load("functions.contracts"), project))

    @contextmanager
    def _imported(self, project):
        """The project as the working directory, and its modules instead of those of other projects."""
        self._monkeypatch.chdir(project)
        self._monkeypatch.syspath_prepend(str(project))
        kept = {module: sys.modules.pop(module) for module in list(sys.modules) if _is_the_projects(module)}
        try:
            yield
        finally:
            for module in [module for module in sys.modules if _is_the_projects(module)]:
                del sys.modules[module]
            sys.modules.update(kept)

    def _synthesised(self, project):
        from aws_cdk import App, Stack

        from millrace.constructs import Bus

        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        context |= {"millrace:check": "no", "aws:cdk:disable-asset-staging": True}
        app = App(outdir=str(project / "cdk.out"), context=context, analytics_reporting=False)
        stack = Stack(app, "Demo")
        infra = importlib.import_module("infra")
        infra.build(stack, Bus(stack, "Bus", name="demo", **getattr(infra, "BUS", {})))
        app.synth()
        return project / "cdk.out"


def _is_the_projects(module):
    return module.partition(".")[0] in ("functions", "infra")
