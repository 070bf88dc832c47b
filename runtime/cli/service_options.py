"""Option parsing of commands that start or call a service: values, certificates, addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.identity import CERTIFICATE, Identity


def parse(command: str, words: Sequence[str], names: Sequence[str], shown: Sequence[str] = ()) -> dict[str, str]:
    """Parse the options of `fedqmix COMMAND`.

    shown: the names to list in an error, by default `names`. Raises ConfigurationError for a name not in `names`, a
    missing value, and an option that is set twice.
    """
    options: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name not in names:
            raise ConfigurationError(f"{unknown('option', name, shown or names)} See: fedqmix {command} --help")
        if not equals or not value:
            raise ConfigurationError(f"'{word}' has no value; write {name}=...")
        if name in options:
            raise ConfigurationError(f"{name} is set twice.")
        options[name] = value
    return options


def beside_overrides(command: str, words: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return a command's own options, and the other words, which are overrides.

    Raises ConfigurationError as `parse` does.
    """
    own = [word for word in words if word.partition("=")[0] in names]
    return parse(command, own, names), [word for word in words if word not in own]


def written(options: Mapping[str, str]) -> list[str]:
    """Return the words from which `parse` makes these options."""
    return [f"{name}={value}" for name, value in options.items()]


def required(command: str, options: Mapping[str, str], name: str, example: str) -> str:
    """Return an option that has no default.

    Raises ConfigurationError with an example when it is missing.
    """
    if name not in options:
        raise ConfigurationError(f"fedqmix {command} needs {name}=...: {example}")
    return options[name]


def identity(command: str, options: Mapping[str, str], party: str | None) -> Identity | None:
    """Return the identity from certs=DIR, with an absolute folder; None with insecure=true.

    party: the certificate's required party; None for any party. Raises ConfigurationError unless exactly one of both
    options is set (encryption is never off by default), and when the folder is damaged or belongs to another party.
    """
    insecure = flag(options, "insecure", default=False)
    if insecure and "certs" in options:
        raise ConfigurationError("certs=... and insecure=true exclude each other: leave one out.")
    if not insecure and "certs" not in options:
        raise ConfigurationError(
            f"fedqmix {command} needs certs=DIR, the folder of {party or 'any party'} (`fedqmix certs agents=N` makes "
            "one for each party), or insecure=true for no encryption and no authentication of callers."
        )
    if insecure:
        return None
    folder = Path(options["certs"]).absolute()
    if party is not None and (folder / party).is_dir() and not (folder / CERTIFICATE).exists():
        raise ConfigurationError(
            f"certs={options['certs']} holds the folders of several parties; fedqmix {command} needs "
            f"certs={Path(options['certs']) / party}"
        )
    found = Identity(folder)
    if party is not None and found.party != party:
        raise ConfigurationError(
            f"certs={options['certs']} is the folder of {found.party}; the folder of {party} is needed."
        )
    return found


def flag(options: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return a truth value. Raises ConfigurationError for anything but true and false."""
    text = options.get(name, str(default).lower())
    if text not in ("true", "false"):
        raise ConfigurationError(f"{name}={text} must be true or false")
    return text == "true"


def address(name: str, text: str) -> tuple[str, int]:
    """Return host and port of "host:port". Raises ConfigurationError for anything else."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{name}={text} must be host:port, such as {name}=127.0.0.1:8000")
    return host.strip("[]"), int(port)


def seconds(options: Mapping[str, str], name: str, default: float) -> float:
    """Return a time in seconds. Raises ConfigurationError unless it is a number above 0."""
    return positive(options, name, default, "number of seconds")


def positive(options: Mapping[str, str], name: str, default: float, what: str = "number") -> float:
    """Return a finite number above 0. what: its name in the error.

    Raises ConfigurationError for other values.
    """
    value = _number(options, name, default)
    if not 0 < value < float("inf"):
        raise ConfigurationError(f"{name}={options[name]} must be a {what} above 0")
    return value


def not_negative(options: Mapping[str, str], name: str, default: float) -> float:
    """Return a finite number, 0 or above. Raises ConfigurationError for other values."""
    value = _number(options, name, default)
    if not 0 <= value < float("inf"):
        raise ConfigurationError(f"{name}={options[name]} must be a number, 0 or above")
    return value


def _number(options: Mapping[str, str], name: str, default: float) -> float:
    """Return an option's number; NaN for other text."""
    try:
        return float(options.get(name, default))
    except ValueError:
        return float("nan")


def whole(options: Mapping[str, str], name: str, default: int, most: int | None = None) -> int:
    """Return a whole number from 1 to `most`. Raises ConfigurationError for other values."""
    text = options.get(name, str(default))
    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        limits = "above 0" if most is None else f"from 1 to {most}"
        raise ConfigurationError(f"{name}={text} must be a whole number {limits}")
    return int(text)
