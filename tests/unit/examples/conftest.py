import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    # As in training: networks this small stand still whenever a second core is wanted elsewhere.
    torch.set_num_threads(1)
