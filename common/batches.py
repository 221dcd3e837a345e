from collections.abc import Callable, Iterator


def until_nothing_is_left(work: Callable[[], int]) -> Iterator[int]:
    """Call `work`, which does one batch and returns its size, until one is empty; yield sizes."""
    while done := work():
        yield done
