"""Looks at where the weights came from, and at which of them are frozen."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from repro.facts.fact import Absent
from repro.facts.lineage import Lineage, Loaded
from repro.observe.loaded_file import LoadedFile
from repro.observe.models import Models
from repro.observe.redaction import masked_text
from repro.observe.technique import Ending, Technique
from repro.observe.weights import fingerprint


class LineageObserver(Technique):
    """Compares the weights before the first step with every file that was read."""

    kind = Lineage

    def __init__(self) -> None:
        self._models = Models()
        self._files: list[LoadedFile] = []
        self._n_early: int | None = None  # files that were read before the last model's first step
        self._shares: dict[int, float] = {}  # by position of the file
        self._is_set = False
        self._n_left_out = 0
        self._frozen: dict[int, tuple[str, ...]] = {}  # by id of the model

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember a model that is new."""
        self._models.add(model)

    def loaded(self, file: LoadedFile) -> None:
        """Keep what the file can be recognised by."""
        self._files.append(replace(file, content=None))  # it may be large

    def state_loaded(self, model: Any, left_out: Sequence[str]) -> None:
        """Weights were set; after the first step that is a return to an earlier state."""
        if self._models.is_waiting():
            self._is_set, self._n_left_out = True, len(left_out)

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """At its first step: how much of a model is from files, and what does not learn."""
        new = self._models.begin()
        for model in new:
            self._frozen[id(model)] = tuple(_frozen("", model))
        if new:
            self._n_early = len(self._files)
            self._compare()

    def at_end(self, ending: Ending) -> Lineage | Absent:
        """What was read, set and frozen."""
        absent = self._models.absent(ending)
        if absent is not None and not self._files:
            return absent
        main = self._models.main()
        n_early = len(self._files) if self._n_early is None else self._n_early
        files = [self._told(index, file) for index, file in enumerate(self._files)]
        frozen_end = tuple(_frozen("", main)) if main is not None else ()
        frozen = self._frozen.get(id(main), frozen_end)
        pretrained, revision = _origin(main)
        return Lineage(
            loaded=tuple(files[:n_early]),
            loaded_later=tuple(files[n_early:]),
            is_set_from_state=self._is_set,
            n_left_out=self._n_left_out,
            pretrained=pretrained,
            revision=revision,
            frozen=frozen,
            frozen_end=None if frozen == frozen_end else frozen_end,
            nested_in=ending.nested_in,
        )

    def _compare(self) -> None:
        if not self._files:
            return
        sizes = {path: p.numel() for path, p in self._models.parameters()}
        found = {path: fingerprint(p) for path, p in self._models.parameters()}
        for index, file in enumerate(self._files):
            n_equal = sum(sizes[path] for path, one in found.items() if one in file.fingerprints)
            self._shares[index] = round(n_equal / max(1, sum(sizes.values())), 4)

    def _told(self, index: int, file: LoadedFile) -> Loaded:
        return Loaded(
            index=index + 1,
            digest=file.digest,
            file=masked_text(file.name),
            weights_only=file.weights_only,
            parent=file.parent,
            model_share=self._shares.get(index),
        )


def _frozen(path: str, module: Any) -> Iterator[str]:
    """The outermost modules and parameters that do not learn at all."""
    parameters = list(module.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        yield path or "the whole model"
        return
    own = module.named_parameters(path, recurse=False)
    yield from (name for name, parameter in own if not parameter.requires_grad)
    for name, child in module.named_children():
        yield from _frozen(f"{path}.{name}".strip("."), child)


def _origin(model: Any) -> tuple[str | None, str | None]:
    """Name and revision that a model of transformers was made from; None if from nothing."""
    config = getattr(model, "config", None)
    name, revision = (getattr(config, one, None) for one in ("_name_or_path", "_commit_hash"))
    if not isinstance(name, str) or not name:
        return None, None
    is_local = os.path.isabs(name) or name.startswith((".", "~")) or os.path.exists(name)
    shown = "a folder of this machine" if is_local else masked_text(name)
    return shown, revision if isinstance(revision, str) else None
