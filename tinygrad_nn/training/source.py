"""Source: where an experiment comes from, so that another process, or another day, can build it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from .experiment import Experiment
from .files import ExperimentError, experiment_on, load_experiment
from .hyperparameters import Hyperparameters


@dataclass(frozen=True, kw_only=True)
class Table:
    """How a table of one's own is read: the arguments of `read_table`."""

    target: str | None = None
    ignore: tuple[str, ...] = ()
    missing: str = "error"
    task: str | None = None
    text: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    encoding: str | None = None


@dataclass(frozen=True)
class Source(Table):
    """An experiment file, or else the built-in recipe on `data`; `settings` (`name=value`) on top of either."""

    file: str = ""
    data: str = "digits"
    settings: tuple[str, ...] = ()

    def load(self) -> tuple[Experiment, Hyperparameters]:
        """The experiment, and the hyperparameters with which it starts.

        Raises:
            ExperimentError: the experiment cannot be used.
        """
        try:
            if self.file:
                experiment = load_experiment(self.file)
            else:
                how = {field.name: getattr(self, field.name) for field in fields(Table)}
                experiment = experiment_on(self.data, **how)
            return experiment, experiment.hyperparameters.updated(self.settings)
        except OSError as error:
            raise ExperimentError(f"{error.filename}: {error.strerror or error}") from None
        except (ValueError, ImportError) as error:
            raise ExperimentError(str(error)) from None

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Source:
        """From what `dataclasses.asdict` and JSON have made of one."""
        known: dict[str, Any] = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**{**known, **{name: tuple(v) for name, v in known.items() if isinstance(v, list)}})

    def absolute(self) -> Source:
        """The same with paths that hold in any folder."""
        table = Path(self.data).suffix and Path(self.data).exists()
        return replace(
            self,
            file=self.file and str(Path(self.file).resolve()),
            data=str(Path(self.data).resolve()) if table else self.data,
        )
