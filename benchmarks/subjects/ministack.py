"""MiniStack, from PyPI. https://github.com/ministackorg/ministack."""

from collections.abc import Sequence

from benchmarks.environments import HOME, MINISTACK, python_environment
from benchmarks.subjects import deployment
from benchmarks.subjects.subject import Cloud, Site, Subject


class MiniStack(Subject):
    """Deployed to through CloudFormation; functions run in processes, as it does without Docker."""

    name = "MiniStack"

    def install(self) -> None:
        """With boto3, which its functions import from its own environment."""
        python_environment("ministack", MINISTACK)

    def command(self, _site: Site) -> Sequence[str]:
        """Its own command."""
        return [str(HOME / "ministack" / "venv" / "bin" / "python"), "-m", "ministack"]

    def environment(self, site: Site) -> dict[str, str]:
        """Loopback only, and no line of log for each request."""
        folder = HOME / "ministack" / "venv" / "bin"
        return {
            "GATEWAY_PORT": str(site.port),
            "BIND_HOST": "127.0.0.1",
            "LOG_LEVEL": "WARNING",
            "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin",
        }

    def is_up(self, site: Site) -> bool:
        """By its health page."""
        return site.answers("/_ministack/health")

    def deploy(self, cloud: Cloud) -> None:
        """Through AWS's API."""
        deployment.create_stack(cloud)

    def add_rules(self, cloud: Cloud) -> None:
        """Through AWS's API."""
        deployment.add_rules(cloud)
