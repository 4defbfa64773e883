"""MiniStack, from PyPI. https://github.com/ministackorg/ministack."""

from collections.abc import Sequence

from benchmarks.environments import HOME, MINISTACK, python_environment
from benchmarks.subjects import deployment
from benchmarks.subjects.subject import Cloud, Site, Subject


class MiniStack(Subject):
    """MiniStack with CloudFormation. Without Docker, it runs functions in processes."""

    name = "MiniStack"

    def install(self) -> None:
        """Install MiniStack, and boto3 for its functions."""
        python_environment("ministack", MINISTACK)

    def command(self, _site: Site) -> Sequence[str]:
        """Return the command of MiniStack."""
        return [str(HOME / "ministack" / "venv" / "bin" / "python"), "-m", "ministack"]

    def environment(self, site: Site) -> dict[str, str]:
        """Return settings for loopback only and without a log line per request."""
        folder = HOME / "ministack" / "venv" / "bin"
        return {
            "GATEWAY_PORT": str(site.port),
            "BIND_HOST": "127.0.0.1",
            "LOG_LEVEL": "WARNING",
            "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin",
        }

    def is_up(self, site: Site) -> bool:
        """Return whether its health page responds."""
        return site.answers("/_ministack/health")

    def deploy(self, cloud: Cloud) -> None:
        """Deploy through AWS's API."""
        deployment.create_stack(cloud)

    def add_rules(self, cloud: Cloud) -> None:
        """Add rules through AWS's API."""
        deployment.add_rules(cloud)
