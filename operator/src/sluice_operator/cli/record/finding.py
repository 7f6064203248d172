"""Which model and version of the record a person means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...history.account import ModelAccount, accounts
from ...history.facts import Model
from ...ledger.record import Record
from ...ledger.verify import Fault
from ..errors import QuestionError
from ..hints import ELSEWHERE, meant
from ..output import clean, tell
from .sources import Reading


@dataclass(frozen=True, slots=True)
class Found:
    """What a name means."""

    model: Model
    account: ModelAccount
    version: str
    """Empty where the model as a whole is meant."""


def gathered(reading: Reading, *, model: str | None = None) -> Mapping[Model, ModelAccount]:
    """What the record says of the models in scope."""
    return accounts(readable(reading.source.records(namespace=reading.scope, model=model)))


def readable(records: Iterator[Record | Fault]) -> Iterator[Record]:
    """The records that can be read; of the others people are told."""
    for record in records:
        if isinstance(record, Fault):
            tell(f"kubectl-sluice: {clean(record)}: `kubectl sluice verify-ledger` says whether the rest is whole")
        else:
            yield record


def found(reading: Reading, name: str) -> Found:
    """The model or the version of a name.

    Raises:
        QuestionError: The record has none of that name, or several.
    """
    model, _, version = name.partition("/")
    whole = gathered(reading, model=model)
    if whole:
        key = _only(name, list(whole))
        if version:
            return Found(key, whole[key], _version(whole[key], version, name))
        return Found(key, whole[key], "")
    known = gathered(reading)
    return _none(name, known) if version else _among(known, name)


def of_models(reading: Reading, model: str | None) -> Mapping[Model, ModelAccount]:
    """What the record says of the models of a name, or of all of them.

    Raises:
        QuestionError: The record has none.
    """
    known = gathered(reading, model=model)
    if not known and model is not None:
        names = (name for _, name in gathered(reading))
        raise QuestionError(f"the record has no model {model}{meant(model, names)}")
    if not known:
        raise QuestionError(f"the record has no models{ELSEWHERE}")
    return known


def both(reading: Reading, first: str, second: str) -> tuple[Found, Found]:
    """Two versions of the same model.

    Raises:
        QuestionError: There are no such two, or more of them.
    """
    models = {name.partition("/")[0] for name in (first, second) if "/" in name}
    # Of a chain of many models only the one that is named is read.
    known = (gathered(reading, model=models.pop()) if len(models) == 1 else {}) or gathered(reading)
    ones, others = dict(_named(known, first)), dict(_named(known, second))
    if not ones or not others:
        _none(second if ones else first, known)
    same = [model for model in ones if model in others]
    if not same:
        raise QuestionError(f"{first} and {second} are not of the same model")
    model = _only(f"{first} and {second}", same)
    return Found(model, known[model], ones[model]), Found(model, known[model], others[model])


def _among(known: Mapping[Model, ModelAccount], name: str) -> Found:
    versions = list(_named(known, name))
    if not versions:
        return _none(name, known)
    model = _only(name, [model for model, _ in versions])
    return Found(model, known[model], dict(versions)[model])


def _named(known: Mapping[Model, ModelAccount], name: str) -> Iterator[tuple[Model, str]]:
    """Versions by their object, by their own name, or with their model's in front."""
    for model, account in known.items():
        for version in account.versions.values():
            if name in (version.name, version.version, f"{model[1]}/{version.version}"):
                yield model, version.version
                break


def _version(account: ModelAccount, version: str, name: str) -> str:
    for one in account.versions.values():
        if version in (one.version, one.name):
            return one.version
    raise QuestionError(f"the record has no version {name}{meant(version, account.versions)}")


def _only(name: str, models: list[Model]) -> Model:
    if len(models) > 1:
        several = ", ".join(f"{namespace}: {model}" for namespace, model in sorted(models))
        raise QuestionError(f"{name} is in several models ({several}): choose one with -n, or as MODEL/VERSION")
    return models[0]


def _none(name: str, known: Mapping[Model, ModelAccount]) -> Found:
    versions = (one.name for account in known.values() for one in account.versions.values())
    raise QuestionError(f"the record has no model or version {name}{meant(name, (*(m for _, m in known), *versions))}")
