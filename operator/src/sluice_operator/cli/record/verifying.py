"""Whether the record is whole: nothing changed, taken out, put in or cut off; and how that is told."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...kube.resource import Resource
from ...ledger.record import Head, Record
from ...ledger.verify import MOST_FAULTS, Fault, verify
from ..errors import ClusterError, CommandError, QuestionError
from ..output import Output, clean, console, is_live, say, say_json, tell
from .record_options import CHECKPOINT
from .sources import Where, reading

if TYPE_CHECKING:
    from .sources import Source

CONFIG_MAPS = Resource("", "v1", "configmaps")
_LONGEST = 1 << 20


class BrokenError(CommandError):
    """The chain is not whole."""


@dataclass(slots=True)
class _Counted:
    """Records on their way through, counted."""

    records: Iterable[Record | Fault]
    count: int = field(default=0)

    def __iter__(self) -> Iterator[Record | Fault]:
        for record in self.records:
            self.count += 1
            yield record


def verified(where: Where, checkpoint: Path | None, *, output: Output) -> None:
    """Verify the chain and answer.

    Raises:
        BrokenError: It is not whole.
        QuestionError: The file has no checkpoint.
    """
    known = _from_file(checkpoint) if checkpoint is not None else _from_cluster(where)
    with reading(where) as source:
        head = source.source.head()
        counted = _Counted(_up_to(source.source, head))
        faults = verify(_shown(counted, head), known, head=head)
    _answer(faults, counted.count, head=head, checkpoint=known, output=output)


def _up_to(source: "Source", head: Head | None) -> Iterator[Record | Fault]:
    """What was there when the head was read; the operator goes on writing meanwhile."""
    records = source.records()
    return records if head is None else takewhile(lambda record: record.seq <= head.seq, records)


def _shown(records: _Counted, head: Head | None) -> Iterator[Record | Fault]:
    """The same, with a bar for those who wait at a terminal."""
    if not is_live():
        yield from records
        return
    from rich.progress import track

    total = head.seq if head is not None else None
    yield from track(records, "verifying", total=total, console=console(stderr=True), transient=True)


def _answer(faults: list[Fault], count: int, *, head: Head | None, checkpoint: Head | None, output: Output) -> None:
    if output is Output.JSON:
        body: dict[str, Any] = {"whole": not faults, "records": count, "head": _plain(head)}
        told = [{"seq": fault.seq, "problem": fault.problem} for fault in faults]
        say_json("Verification", {**body, "checkpoint": _plain(checkpoint), "faults": told})
    else:
        for fault in faults:
            say(clean(fault))
        if not faults:
            upto = f", up to {head.digest}" if head is not None and head.seq else ""
            say(f"whole: {count:,} record{'' if count == 1 else 's'}{upto}")
    if checkpoint is None:
        tell("kubectl-sluice: without a checkpoint nobody can tell whether the end was cut off; see --checkpoint")
    if faults:
        more = " and more" if len(faults) >= MOST_FAULTS else ""
        raise BrokenError(f"the record is not whole: {len(faults)}{more} faults, the first at record {faults[0].seq}")


def _plain(head: Head | None) -> dict[str, Any] | None:
    return None if head is None else {"chain": head.chain, "seq": head.seq, "digest": head.digest}


def _from_cluster(where: Where) -> Head | None:
    """The checkpoint in the cluster, where the record is read from there as well."""
    if where.records is not None or where.ledger_url is not None:
        return None
    from ..cluster import connect

    try:
        found = connect(where.target).get(CONFIG_MAPS, CHECKPOINT, namespace=where.operator_namespace)
    except ClusterError as error:
        if error.status == 404:
            return None
        raise
    return _head(found)


def _from_file(path: Path) -> Head:
    try:
        with path.open() as file:
            return _head(json.loads(file.read(_LONGEST)))
    except (OSError, ValueError) as error:
        raise QuestionError(f"{path}: no checkpoint: {' '.join(str(error).split())[:200]}") from error


def _head(obj: Mapping[str, Any]) -> Head:
    """A checkpoint from its ConfigMap.

    Raises:
        QuestionError: It says something else.
    """
    try:
        data = obj["data"]
        return Head(chain=str(data["chain"]), seq=int(data["seq"]), digest=str(data["digest"]))
    except (KeyError, TypeError, ValueError) as error:
        raise QuestionError(f"the checkpoint {CHECKPOINT} says something else than chain, seq and digest") from error
