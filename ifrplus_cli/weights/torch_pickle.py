"""Follow the pickle of a PyTorch archive by an allow-list of opcodes, without unpickling: nothing in it can run.

A pickle is a program for a machine with a stack and a memo. A file of weights needs a fifth of its opcodes, and three
names of Python objects, which are mere words here: tensors are described, and only dictionaries of them are made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LARGEST_PICKLE = 2**18  # bytes; 130 for each parameter
MOST_AXES = 8
DAMAGED = "the list of its tensors is damaged"
TENSOR, FLOATS, DICTIONARY = "torch._utils _rebuild_tensor_v2", "torch FloatStorage", "collections OrderedDict"


@dataclass(frozen=True)
class Global:
    """A Python object that a pickle names."""

    name: str


@dataclass(frozen=True)
class Storage:
    """Numbers that one or more tensors consist of.

    Attributes:
        key: name of their file in the archive.
        size: how many there are.
    """

    key: str
    size: int


@dataclass(frozen=True)
class StoredTensor:
    """A float32 tensor, as a pickle describes it; all counts are of numbers, not bytes.

    Attributes:
        begin: its first number in the storage.
    """

    storage: Storage
    begin: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def stored_tensors(pickle: bytes) -> dict[str, StoredTensor]:
    """Return the tensors that a pickle describes, by their names.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if len(pickle) > LARGEST_PICKLE:
        raise ValueError("the list of its tensors is too long")
    found = _Machine(pickle).run()
    if not isinstance(found, dict):
        raise ValueError("it holds something other than named tensors")
    for name, value in found.items():
        if not isinstance(value, StoredTensor):
            raise ValueError(f"{_shown(name)} is not a tensor")
    return found


class _Machine:
    """The machine for which a pickle is a program."""

    def __init__(self, program: bytes) -> None:
        self.program = program
        self.at = 0
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        while (code := self.take(1)) != b".":
            if code not in OPCODES:
                raise ValueError(f"the list of its tensors uses the pickle opcode {code!r}, which tensors do not need")
            OPCODES[code](self)
        return self.pop()

    def take(self, count: int) -> bytes:
        part = self.program[self.at : self.at + count]
        if len(part) < count:
            raise ValueError("the list of its tensors ends too early")
        self.at += count
        return part

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def text(self, size: int) -> str:
        return str(self.take(size), "utf-8")

    def line(self) -> str:
        end = self.program.find(b"\n", self.at)
        if end < 0:
            raise ValueError("the list of its tensors ends too early")
        return self.text(end + 1 - self.at)[:-1]

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError(DAMAGED)
        return self.stack.pop()

    def pop_many(self, count: int) -> tuple[object, ...]:
        return tuple(self.pop() for _ in range(count))[::-1]

    def pop_to_mark(self) -> tuple[object, ...]:
        if not self.marks:
            raise ValueError(DAMAGED)
        begin = self.marks.pop()
        values = tuple(self.stack[begin:])
        del self.stack[begin:]
        return values

    def remember(self, number: int) -> None:
        value = self.pop()
        self.push(value)
        self.memo[number] = value

    def recall(self, number: int) -> None:
        if number not in self.memo:
            raise ValueError(DAMAGED)
        self.push(self.memo[number])

    def set_items(self, items: tuple[object, ...]) -> None:
        target = self.pop()
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError(DAMAGED)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError("it holds something other than named tensors")
            if key in target:
                raise ValueError(f"it holds {_shown(key)} twice")
            target[key] = value
        self.push(target)

    def name_object(self) -> None:
        name = f"{self.line()} {self.line()}"
        if name not in (TENSOR, FLOATS, DICTIONARY):
            raise ValueError(f"it names {_shown(name)}, and only tensors of float32 are read")
        self.push(Global(name))

    def find_storage(self) -> None:
        match self.pop():
            case ("storage", Global(name), str(key), str(), int(size)) if name == FLOATS:
                self.push(Storage(key, size))
            case _:
                raise ValueError(DAMAGED)

    def call(self) -> None:
        """Do what would be a call of a Python object: there are two that tensors need."""
        made_by, arguments = self.pop_many(2)
        match made_by, arguments:
            case Global(name), () if name == DICTIONARY:
                self.push({})
            case Global(name), (Storage() as storage, int(begin), tuple(shape), tuple(strides), bool(), dict()) if (
                name == TENSOR
            ):
                self.push(StoredTensor(storage, begin, _whole(shape), _whole(strides)))
            case _:
                raise ValueError(DAMAGED)

    def leave_out_versions(self) -> None:
        """Drop the versions of layers, which PyTorch attaches to a dictionary."""
        target, attributes = self.pop_many(2)
        if not isinstance(target, dict) or not isinstance(attributes, dict) or attributes.keys() != {"_metadata"}:
            raise ValueError(DAMAGED)
        self.push(target)


def _whole(sizes: tuple[object, ...]) -> tuple[int, ...]:
    if len(sizes) > MOST_AXES or not all(type(size) is int for size in sizes):
        raise ValueError(DAMAGED)
    return sizes  # type: ignore[return-value]


def _shown(name: str) -> str:
    """Return a name from a file as it may be printed."""
    return repr(name[:80])


def _begin(machine: _Machine) -> None:
    if machine.number(1) != 2:
        raise ValueError("the list of its tensors is stored in another protocol than PyTorch's")


OPCODES: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _begin,
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b"}": lambda machine: machine.push({}),
    b")": lambda machine: machine.push(()),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    b"K": lambda machine: machine.push(machine.number(1)),
    b"M": lambda machine: machine.push(machine.number(2)),
    b"J": lambda machine: machine.push(machine.number(4, signed=True)),
    b"X": lambda machine: machine.push(machine.text(machine.number(4))),
    b"\x85": lambda machine: machine.push(machine.pop_many(1)),
    b"\x86": lambda machine: machine.push(machine.pop_many(2)),
    b"\x87": lambda machine: machine.push(machine.pop_many(3)),
    b"t": lambda machine: machine.push(machine.pop_to_mark()),
    b"q": lambda machine: machine.remember(machine.number(1)),
    b"r": lambda machine: machine.remember(machine.number(4)),
    b"h": lambda machine: machine.recall(machine.number(1)),
    b"j": lambda machine: machine.recall(machine.number(4)),
    b"s": lambda machine: machine.set_items(machine.pop_many(2)),
    b"u": lambda machine: machine.set_items(machine.pop_to_mark()),
    b"c": _Machine.name_object,
    b"Q": _Machine.find_storage,
    b"R": _Machine.call,
    b"b": _Machine.leave_out_versions,
}
