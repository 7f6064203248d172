"""YAML as people write it: its documents, and the line of each of their fields."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import yaml

from ..errors import QuestionError

Path = tuple[str | int, ...]

_LONGEST = 1_000_000
_MOST_NODES = 200_000
"""With all aliases written out: a short file may otherwise stand for more than any memory holds."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file."""

    file: str
    node: yaml.Node
    data: Any

    def line(self, path: Sequence[str | int]) -> int:
        """The line, from 1, of the field, or of the innermost one around it that is written."""
        node, line = self.node, self.node.start_mark.line
        for part in path:
            child = _child(node, part)
            if child is None:
                break
            node, line = child[1], child[0]
        return line + 1

    def repeated(self) -> Iterator[Path]:
        """Fields that are given twice, of which YAML silently takes the last."""
        return _repeated(self.node, ())


def documents(file: TextIO) -> list[Document]:
    """The documents of a file.

    Raises:
        QuestionError: it is not YAML, or not of a length that anybody writes.
    """
    try:
        text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise QuestionError(f"{file.name}: longer than {_LONGEST} characters")
        loader = yaml.SafeLoader(text)
        found = []
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                break
            if _size(node, {}) > _MOST_NODES:
                raise QuestionError(f"{file.name}: its aliases stand for more than {_MOST_NODES} values")
            found.append(Document(file.name, node, loader.construct_document(node)))
        return found
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise QuestionError(f"{file.name}{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise QuestionError(f"{file.name}: not YAML: {str(error).splitlines()[0]}") from error


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    """The line of a field's name, or of an element, and what it holds."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child.start_mark.line, child
    return None


def _repeated(node: yaml.Node, path: Path) -> Iterator[Path]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else f"{id(key)}"
            if name in seen:
                yield (*path, name)
            seen.add(name)
            yield from _repeated(value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _repeated(value, (*path, number))


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values in a node, with what aliases stand for; more than may be where one holds itself."""
    if id(node) not in known:
        known[id(node)] = _MOST_NODES
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = list(node.value)
        known[id(node)] = 1 + sum(_size(child, known) for child in children)
    return known[id(node)]
