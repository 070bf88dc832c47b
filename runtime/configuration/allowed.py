"""Code and services that an operator allows to submitted runs: `fedqmix superlink allow=`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.choices import values_of
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.own_code import is_file

WANDB = "wandb"
"""The word that allows logger=wandb, which sends data to the servers of Weights & Biases."""


@dataclass(frozen=True)
class Allowed:
    """The code that settings like strategy.code may name, and whether logger=wandb is allowed.

    code: "module" or "module:Class". files: absolute paths; a setting names them by path, or by module without ".py".
    """

    code: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    wandb: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an allow= value: "rank_pps,their.module:Class,/opt/strategies/median.py,wandb".

        The text "" allows nothing. A word with a "/" or with the suffix ".py" is a file. Raises ConfigurationError for
        a missing file and for a word that is not a valid module name.
        """
        words = [word.strip() for word in text.split(",") if word.strip()]
        files = [word for word in words if "/" in word or word.endswith(".py")]
        code = [word for word in words if word not in files and word != WANDB]
        for word in code:
            if not all(part.isidentifier() for part in word.replace(":", ".", 1).split(".")):
                raise ConfigurationError(
                    f"allow={word}: a module, module:Class, a file of Python or {WANDB} is needed."
                )
        return cls(tuple(code), tuple(_file(word) for word in files), WANDB in words)

    @classmethod
    def by(cls, config: Config) -> Self:
        """Return what a configuration uses, which its own user has typed."""
        named = [code for _, code in code_of(config)]
        files = tuple(Path(module).absolute() for module in map(module_of, named) if is_file(module))
        code = tuple(code for code in named if not is_file(module_of(code)))
        return cls(code, files, config.logger.name == WANDB)

    @property
    def text(self) -> str:
        """The allow= value from which `parse` makes an equal object."""
        return ",".join([*self.code, *map(str, self.files), *([WANDB] if self.wandb else [])])

    def require_code(self, setting: str, code: str, party: str = "superlink") -> None:
        """Check that the setting may name this code, "FILE.py:Class" or "module:Class"; nothing is imported.

        An allowed file is made importable. party: the command whose allow= decides. Raises ConfigurationError that says
        what is allowed and how to allow more.
        """
        module, _, name = code.rpartition(":")
        if not name.isidentifier():  # "module:numpy.abort" would reach what the module imports
            raise ConfigurationError(
                f"{setting}={code}: a submitted run names something that the module itself defines, MODULE:NAME, and "
                f"{name!r} is not a name."
            )
        if code in self.code or module in self.code:
            return
        if is_file(module) and Path(module).absolute() in self.files:
            return
        for file in self.files:
            if file.stem == module:
                _make_importable(setting, file)
                return
        known = ", ".join([*self.code, *(file.stem for file in self.files)]) or "none"
        owner = {"superlink": "SuperLink"}.get(party, party)
        raise ConfigurationError(
            f"{setting}={code}: a submitted run may only name code that the {owner}'s operator allows; allowed now: "
            f"{known}. The operator allows a module or a file with `fedqmix {party} allow={module or 'MODULE'} ...`, "
            f"and starts the {owner} again."
        )

    def require_wandb(self, setting: str) -> None:
        """Check that Weights & Biases may be used. Raises ConfigurationError."""
        if not self.wandb:
            raise ConfigurationError(
                f"{setting}: Weights & Biases runs with the SuperLink and sends data to its maker's servers. A "
                f"submitted run may use it where the operator allows it, with `fedqmix superlink allow={WANDB} ...`; "
                "otherwise logger=jsonl or logger=tensorboard."
            )


NOTHING = Allowed()


def module_of(code: str) -> str:
    """Return the module or file that a `*.code` setting names."""
    return code.rpartition(":")[0] or code


def code_of(config: Config) -> list[tuple[str, str]]:
    """Return the settings that name code (`*.code`), with their values; null ones are left out."""
    return [(name, value) for name, value in values_of(config).items() if name.endswith(".code") and value is not None]


def _file(word: str) -> Path:
    path = Path(word).absolute()
    if not path.is_file() or not path.stem.isidentifier() or path.suffix != ".py":
        raise ConfigurationError(f"allow={word}: no such file of Python, NAME.py.")
    return path


def _make_importable(setting: str, file: Path) -> None:
    """Append a file's folder to sys.path.

    Raises ConfigurationError when another module has the file's name.
    """
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    found = find_spec(file.stem)  # imports nothing for a name without dots
    origin = None if found is None else found.origin
    if origin is None or Path(origin).resolve() != file.resolve():
        raise ConfigurationError(
            f"{setting}: the allowed file {file} is hidden by another module of that name, {origin}; rename the file."
        )
