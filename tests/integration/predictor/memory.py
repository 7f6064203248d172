"""How much memory the server's processes hold, as the kernel counts it."""

from pathlib import Path


def processes(parent: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *(below for child in children for below in processes(int(child)))]


def resident(pid: int) -> int:
    """Bytes that one process holds now."""
    return _bytes(pid, "VmRSS")


def peak(parent: int) -> int:
    """Bytes that a process and all below it held at most since `forget_peak`; each at its own worst moment."""
    return sum(_bytes(pid, "VmHWM") for pid in processes(parent))


def forget_peak(parent: int) -> None:
    for pid in processes(parent):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _bytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(kilobytes) * 1024
