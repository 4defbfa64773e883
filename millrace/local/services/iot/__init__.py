"""AWS IoT Core: topic rules, which iot-data Publish triggers."""

from millrace.local.services.iot.service import Iot

SERVICE = Iot

__all__ = ["Iot"]
