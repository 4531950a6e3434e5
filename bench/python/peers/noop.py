"""The floor: an allocated native context manager that does nothing."""

import noop


class Peer:
    plain = {}

    def __init__(self, case: str) -> None:
        self.cases = dict.fromkeys(("nested", "attributes", "root", "unsampled"), self.nested)

    def nested(self, times: int) -> None:
        for _ in range(times):
            with noop.span("child"):
                pass

    def settle(self) -> int:
        return 0
