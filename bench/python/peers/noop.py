"""The floor: an allocated native context manager that does nothing."""

import noop


class Peer:
    def __init__(self, _case: str) -> None:
        self.plain = {}
        self.cases = dict.fromkeys(("nested", "attributes", "root", "unsampled"), self.nested)

    def nested(self, times: int) -> None:
        for _ in range(times):
            with noop.span("child"):
                pass

    def settle(self) -> tuple[int, int]:
        return 0, 0
