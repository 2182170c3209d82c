"""Parameter names in messages, turned into the flags of the command line.

Messages of the library name its parameters in backticks: "resize the mask or set `fit_mask`". A command prints them as
its own flags: "resize the mask or set --fit-mask".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PARAMETER = re.compile(r"`([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)(?:=\"?([^`\"]*)\"?)?`")
_RENAMED = {
    "count_flops": "profile",
    "not_clicks": "not",
    "num_workers": "workers",
    "pairs_per_room": "pairs",
}  # parameters whose flag has another name


def command_flags(group: Any, args: Sequence[str]) -> dict[str, str]:
    """Return the flags of the command that args call, by the name of the parameter: {"fit_mask": "--fit-mask"}.

    group: the click group of the program. Empty if args call no command.
    """
    command = group
    for name in args:
        command = getattr(command, "commands", {}).get(name)
        if command is None:
            return {}
        if not hasattr(command, "commands"):
            break
    flags = [flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")]
    return {flag.removeprefix("--").replace("-", "_"): flag for flag in flags}


def with_flags(message: str, flags: Mapping[str, str]) -> str:
    """Return a message with the parameters in backticks as flags: `name` is --name, `name="value"` is --name value.

    A repeatable flag may be the singular of its parameter: `colors` is --color. A name without a flag stays, without
    its backticks. Other text in backticks is unchanged.
    """

    def flag(match: re.Match[str]) -> str:
        name, value = match[1], match[2]
        name = _RENAMED.get(name, name)
        known = flags.get(name) or flags.get(name.removesuffix("s"))
        if known is None:
            return match[0].strip("`")
        return known if value in (None, "True") else f"{known} {value}"

    return _PARAMETER.sub(flag, message)
