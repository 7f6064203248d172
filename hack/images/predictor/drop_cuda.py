"""Drop from this environment what torch never loads where there is no GPU.

PyPI's torch for Linux is made for CUDA. On a CPU it still loads some of CUDA's libraries, but not all, nor what
programs are compiled with. What is loaded is asked of the kernel, not listed here, so that it holds for any torch.
"""

from pathlib import Path

import torch

SITE_PACKAGES = Path(torch.__file__).parent.parent
TO_COMPILE_WITH = ("torch/include/**/*", "torch/share/**/*", "torch/bin/protoc*")


def main() -> None:
    """Run what serving runs, then delete the files of CUDA that are not in memory."""
    inputs = torch.randn(1, 2, 8, 16)
    torch.nn.functional.scaled_dot_product_attention(inputs, inputs, inputs)
    mapped = Path("/proc/self/maps").read_text().splitlines()
    loaded = {Path(line.split()[-1]) for line in mapped if ".so" in line}
    cuda = [path for path in SITE_PACKAGES.glob("nvidia/**/*") if path.resolve() not in loaded]
    for path in [*cuda, *(path for pattern in TO_COMPILE_WITH for path in SITE_PACKAGES.glob(pattern))]:
        if not path.is_dir():
            path.unlink()


if __name__ == "__main__":
    main()
