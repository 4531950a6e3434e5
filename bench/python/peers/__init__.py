"""One module a peer. Each has a class `Peer` with the same cases, so that all do identical work.

`Peer(case)` sets the library up for the case. `cases` maps a case to a function of a number of spans; `plain`
to the same work without the library, which is subtracted. `settle()` flushes and returns how many spans and
how many bytes of them came out in all.
"""
