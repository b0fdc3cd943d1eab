"""Every attack, by kind."""

from tests.attacks.daemons import DAEMONS
from tests.attacks.kernel import KERNEL
from tests.attacks.key_file import KEY_FILE
from tests.attacks.keys_and_secrets import SECRETS
from tests.attacks.links import LINKS
from tests.attacks.metadata import METADATA
from tests.attacks.model_server import MODEL
from tests.attacks.paths import PATHS
from tests.attacks.poisoning import POISONING
from tests.attacks.procfs import PROCFS
from tests.attacks.races import RACES
from tests.attacks.resources import RESOURCES
from tests.attacks.signals import SIGNALS
from tests.attacks.sockets import SOCKETS
from tests.attacks.terminal import TERMINAL
from tests.attacks.wire_forgery import WIRE

KINDS = {
    "paths": PATHS,
    "links": LINKS,
    "races": RACES,
    "/proc, /sys and /dev": PROCFS,
    "signals": SIGNALS,
    "sockets": SOCKETS,
    "kernel calls": KERNEL,
    "metadata": METADATA,
    "resources": RESOURCES,
    "daemons": DAEMONS,
    "secrets": SECRETS,
    "the key file": KEY_FILE,
    "git, venv and imports": POISONING,
    "terminal": TERMINAL,
    "the wire": WIRE,
    "the model's server": MODEL,
}
ATTACKS = tuple(attack for attacks in KINDS.values() for attack in attacks)
BY_NAME = {attack.name: attack for attack in ATTACKS}
