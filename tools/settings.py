"""The settings of the commands: words of the form NAME=value, some of them from the environment.

Like all that runs before the environment is there, this file needs no package and runs on any
Python from 3.8 on, so that an unsupported Python says what is wrong.
"""

import os
import re
from typing import Dict, Optional, Sequence, Tuple

OLDEST_TENSORFLOW = (2, 18)

FROM_ENVIRONMENT = ("GPU", "PYTHON", "TENSORFLOW")
SETTINGS: Dict[str, Tuple[str, ...]] = {
    "setup": FROM_ENVIRONMENT,
    "lab": (*FROM_ENVIRONMENT, "BROWSER", "IP", "LESSON", "PORT"),
    "test": (*FROM_ENVIRONMENT, "LAX", "LESSON", "WORKERS"),
    "refresh": (*FROM_ENVIRONMENT, "LESSON", "RENEW"),
    "bench": (*FROM_ENVIRONMENT, "LESSON", "SUITE"),
    "lock": ("TENSORFLOW",),
    "clean": (),
    "help": (),
}


class Problem(Exception):
    """Something that the user can mend; its text says what is wrong and what to do."""


def say(text: str) -> None:
    """Print a line at once, also where the output goes into a file or a pipe."""
    print(text, flush=True)


def read_settings(
    command: str, words: Sequence[str], environ: Optional[Dict[str, str]] = None
) -> Dict[str, str]:
    """Return the settings of a command by name: words first, then the environment.

    Raises:
        Problem: a word that is not NAME=value, or a name that the command does not know.
    """
    environ = dict(os.environ) if environ is None else environ
    known = SETTINGS[command]
    settings = {
        name: environ[name] for name in known if name in FROM_ENVIRONMENT and environ.get(name)
    }
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise Problem(
                f"{command} does not know what {word!r} means. Settings are written NAME=value; "
                f"{command} knows: {names}."
            )
        if value:
            settings[name] = value
        else:
            settings.pop(name, None)
    return settings


def is_on(settings: Dict[str, str], name: str, default: bool = False) -> bool:
    """Return whether a setting is switched on: 1, yes, true or on, against 0, no, false or off."""
    value = settings.get(name, "").lower()
    if not value:
        return default
    if value not in ("0", "1", "false", "no", "off", "on", "true", "yes"):
        raise Problem(f"{name} is {value!r}. It is switched on by {name}=1, off by {name}=0.")
    return value in ("1", "on", "true", "yes")


def read_number(settings: Dict[str, str], name: str, least: int, most: int) -> Optional[int]:
    """Return a whole number among the settings, None where it was not given."""
    value = settings.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise Problem(f"{name} is {value!r}. It must be a whole number from {least} to {most}.")
    return int(value)


def read_tensorflow(settings: Dict[str, str]) -> str:
    """Return the TensorFlow asked for as pip writes it, such as 2.18.*; "" means the pinned one."""
    value = settings.get("TENSORFLOW", "")
    if not value:
        return ""
    match = re.fullmatch(r"(\d+)\.(\d+)(\.(\d+|\*))?", value)
    if not match:
        raise Problem(f"TENSORFLOW is {value!r}. It must be a version such as 2.18.0 or 2.18.*.")
    if (int(match[1]), int(match[2])) < OLDEST_TENSORFLOW:
        oldest = ".".join(map(str, OLDEST_TENSORFLOW))
        raise Problem(f"TENSORFLOW is {value!r}. The course needs TensorFlow {oldest} or newer.")
    return value if match[3] else value + ".*"
