"""A gateway that keeps a twin of each of its replicas, and routes by what the twins say.

    pip install aiohttp                              # all that it needs besides batching
    python examples/python/gateway                   # ten seconds: in turn and by estimate, under the same load
    python examples/python/gateway --serve 8000      # goes on serving: see what it prints
    python examples/python/gateway --serve 8000 --guess    # the twins find out how fast their replicas are
    python examples/python/gateway --router least_requests # in turn, and by the rule of a real router

Three replicas batch in real time, one of them three times as slow as the others. A gateway that takes them in turn
overloads the slow one; one that asks its twins sends there what it can take.

gateway.py is the server, twin.py what it knows of a replica, lengths.py what it expects of an answer, rule.py a router
in the twins' place; replica.py and load.py are what it is tried with.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from aiohttp import web

import load
from batching import AffineTime, routers
from gateway import Gateway, Routing
from replica import Replica
from twin import Twin

SLOTS = 8
# Of an iteration of each replica: what it really takes, and what somebody who measured it might have found.
REAL = [AffineTime(base * 1.02, 0.0002, 0.0005) for base in (0.020, 0.020, 0.060)]
MEASURED = [AffineTime(base, 0.0002, 0.0005) for base in (0.020, 0.020, 0.060)]
# If nothing was measured, all are the same at first.
GUESSED = [AffineTime(0.030, 0.0002, 0.0005)] * 3


@asynccontextmanager
async def served(application: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serves an application; gives its URL. Port 0: one that is free."""
    # handler_cancellation: a handler that waits for a token is told at once that its client has left.
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def gateway_with_replicas(
    routing: Routing,
    connecting: float,
    port: int = 0,
    times: Sequence[AffineTime] = MEASURED,
    router: str | None = None,
) -> AsyncIterator[tuple[Gateway, str, list[Twin]]]:
    """Three replicas and the gateway in front of them; gives it, its URL and its twins."""
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(served(Replica(time, SLOTS).application())) for time in REAL]
        twins = [Twin(url, time, SLOTS) for url, time in zip(urls, times, strict=True)]
        gateway = Gateway(twins, routing, connecting=connecting, router=router)
        yield gateway, await stack.enter_async_context(served(gateway.application(), port)), twins


async def demonstrate(requests: int, connecting: float, router: str | None) -> None:
    """Sends the same load to a gateway of each kind, and prints what its accumulator has measured."""
    routings: tuple[Routing, ...] = ("round robin", "estimate")
    for routing in routings:
        by = None if routing == "round robin" else router
        async with gateway_with_replicas(routing, connecting, router=by) as (gateway, url, twins):
            # As clients do, they ask for far more than they use.
            wrong = await load.send(url, requests, arrival_rate=18.0, longest=64, max_tokens=1024, seed=1)
            metrics = gateway.accumulator.measure()
            print(
                f"{by or routing:11}  mean TTFT {metrics.ttft.mean:.3f} s, mean E2E {metrics.e2e.mean:.3f} s", end="; "
            )
            print(f"{metrics.completed} answers, {wrong} of them wrong", end="; ")
            print("to each replica:", *(twin.sent for twin in twins), flush=True)
    print("To look at it: python examples/python/gateway --serve 8000")


async def serve(
    routing: Routing, connecting: float, port: int, times: Sequence[AffineTime], router: str | None
) -> None:
    """Serves until it is interrupted."""
    async with gateway_with_replicas(routing, connecting, port, times, router) as (_, url, _):
        print(f"Serving at {url}", flush=True)
        print(f"""curl --no-buffer {url}/v1/completions --data '{{"prompt": "say this again", "max_tokens": 16}}'""")
        print(f"curl {url}/replicas    # the twins: mean_ttft_error falls as they are calibrated")
        print(f"curl {url}/metrics     # for Prometheus", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="A gateway that routes by what twins of its replicas estimate.")
    parser.add_argument("--serve", type=int, metavar="PORT", help="go on serving; 0: at a port that is free")
    parser.add_argument("--routing", choices=("estimate", "round robin"), default="estimate", help="with --serve")
    parser.add_argument("--router", choices=routers(), help="the rule of a real router instead of estimates")
    parser.add_argument("--guess", action="store_true", help="with --serve: nothing of the replicas was measured")
    parser.add_argument("--requests", type=int, default=80, help="of the demonstration (default: 80)")
    parser.add_argument(
        "--connecting",
        type=float,
        default=3.0,
        metavar="SECONDS",
        help="after which a replica that cannot be connected to counts as down (default: 3)",
    )
    options = parser.parse_args()
    # Interrupting it is how it is ended.
    with suppress(KeyboardInterrupt):
        asyncio.run(
            demonstrate(options.requests, options.connecting, options.router)
            if options.serve is None
            else serve(
                options.routing,
                options.connecting,
                options.serve,
                GUESSED if options.guess else MEASURED,
                options.router,
            )
        )


if __name__ == "__main__":
    main()
