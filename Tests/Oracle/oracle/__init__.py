"""What the library is judged by: a slow engine and slow simulators, the invariants of every run, the closed forms of
queueing theory, and recordings of real schedulers and benchmark tools.

`engine` is the slow engine, of `schedulers`, `blocks` and `attribution`; `records` is what it tells. `cases` makes
random workloads and configurations, `comparison` runs them through both engines. `invariants` checks what an engine
`told`, following its `decisions`. `replay` runs `recordings`. `simulators`, `load`, `bench`, `traces`, `policies` and
`queueing` judge one thing each. `fleet` is the slow fleet, of `stepped` engines and `fleet_routers`; `fleet_cases` and
`fleet_comparison` are to it what `cases` and `comparison` are to the engine, and ../fleets.py runs them. What computes
an expected value never asks the library.
"""
