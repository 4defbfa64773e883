"""The assembly of a small project of the tests, made where it stands."""

import os

from millrace.local.cloudformation.synthesis import synthesise


def app_assembly(app, assembly):
    """Synthesise a project; it shares the layers that the shop's own assembly has made.

    The link is put in place in one go: other test processes do the same at the same time.
    """
    work = app / ".millrace"
    work.mkdir(exist_ok=True)
    link = work / f"layers.{os.getpid()}"
    link.symlink_to(assembly.parent / "layers")
    link.replace(work / "layers")
    synthesise(app, work / "cdk.out")
    return work / "cdk.out"
