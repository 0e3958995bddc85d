"""For script/server on one machine: demo stock, sandbox gateway, development certificate. Never for real stamps."""

from . import env
from .base import *  # noqa: F403

IS_DEMO = True
DEMO_PASSWORD = env.text("DEMO_PASSWORD", default="meterai-demo-2026")

env.complain()
