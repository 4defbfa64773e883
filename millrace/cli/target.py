"""Where a command goes: to the local cloud, and to AWS only with `--aws`."""

import os
from dataclasses import dataclass

from millrace.cli import console
from millrace.cli.project import Project
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud, account, choose_aws, choose_local


@dataclass(frozen=True)
class Target:
    """Where a command goes, as its options `--aws` and `--yes` choose."""

    aws: bool = False
    yes: bool = False

    def cloud(self, project: Project, *, changes: bool = False) -> Cloud:
        """The cloud that the command goes to. Calls no API of AWS.

        Raises UsageError if no local cloud is up and `--aws` is missing, if an endpoint in the environment
        contradicts the options, and if a command that `changes` AWS has neither `--yes` nor a terminal.
        """
        if not self.aws:
            return choose_local(project.noted_cloud(), os.environ)
        cloud = choose_aws(os.environ)
        if changes and not self.yes and not console.has_person():
            raise UsageError(
                "This would change resources on AWS, and there is no terminal to confirm it at: pass --yes."
            )
        return cloud

    def confirm(self, project: Project, cloud: Cloud, action: str, *, locally: bool = False) -> None:
        """Print the account, region and stacks of AWS, and let a person confirm an action there.

        With `locally`, an action in the local cloud is confirmed, too. Raises UsageError unless the answer is yes.
        """
        if self.aws:
            console.say(f"{account(cloud, os.environ)}, stack {', '.join(project.stacks)}")
        if self.yes or not (self.aws or locally):
            return
        if not console.has_person() or console.prompt(f"{action}? [yes/no]") != "yes":
            raise UsageError("Nothing was changed: answer yes, or pass --yes.")
