"""Live engines as bytes. That they go on to the last bit is tested with random cases in test_live_engine.py."""

import base64
import subprocess
import sys
import zlib
from typing import Any

import pytest

from batching import AffineTime, BatchingError, Event, Iteration, LiveEngine, RequestColumns


def test_bytes_go_on_in_another_process() -> None:
    engine = LiveEngine(max_num_seqs=2, iteration_time=0.25)
    for request, output_length in enumerate([10, 4, 5]):
        engine.submit(request, prompt_length=10, output_length=output_length)
    engine.advance(0.6)
    program = (
        "import sys; from batching import LiveEngine; engine = LiveEngine.load(sys.stdin.buffer.read());"
        "engine.advance(); print([(event.time, event.request, int(event.event)) for event in engine.poll()])"
    )
    done = subprocess.run([sys.executable, "-c", program], input=engine.save(), capture_output=True, check=True)
    engine.advance()
    told = [(event.time, event.request, int(event.event)) for event in engine.poll()]
    assert done.stdout.decode().strip() == repr(told)
    assert told[-1] == (2.5, 0, Event.FINISHED)


def test_a_function_is_given_again_with_the_bytes() -> None:
    engine = LiveEngine(max_num_seqs=2, iteration_time=lambda _: 0.25)
    engine.submit(0, prompt_length=1, output_length=3)
    engine.advance(0.3)
    data = engine.save()
    with pytest.raises(ValueError, match="iteration_time is None: the engine that was saved has one"):
        LiveEngine.load(data)

    def fail(_: Iteration) -> float:
        raise LookupError("not known")

    loaded = LiveEngine.load(data, iteration_time=fail)
    # The second iteration is under way, and its time known.
    loaded.advance(0.5)
    with pytest.raises(LookupError, match="not known"):
        loaded.advance()
    assert LiveEngine.load(memoryview(data), iteration_time=lambda _: 0.5).estimate(
        prompt_length=1, output_length=1
    ).e2e == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("data", "error", "sentence"),
    [
        ("text", TypeError, "data is 'text': must be bytes"),
        (b"", ValueError, "they are too few"),
        (b"BATCHACC" + bytes(40), ValueError, "they do not begin with the mark of saved bytes"),
    ],
)
def test_bytes_that_are_no_engine(data: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        LiveEngine.load(data)


# What version 2 saved of `old_engine`, compressed: synchronous, and asynchronous.
OLD_BYTES = [
    (
        "c-nJv3~}~w^>b%pfPiFX1{44jXW(GK3K$s?Y$GVm0+T~me8HZ95O}%76ht+MZ_xqKFxN0M5C@phoPZUuV0aFPgE2h71;xYxh<BOL3`6H"
        "LBAJcN*^D^MX2D_>GnyStNM^I*2`&iuQIAaHb~k!tFk=y7AREB!kwOz^#}O_Ko1XDO_@`!BBiqdgHH;Zaj0GAHY*-9pL=CtGnEZbrU_="
        "ev21X<~m|hknJ_tNdF!;TW_oq4l5?vw$"
    ),
    (
        "c-nJv3~}~w^>b%pfB-XQ1{44jXW(GK3K$s~;cO!)%>t7{SA4;qfe?7P#1up|h;PvW(X3EmW(MK_%(?9N6tQ4<4wr+`0T&b#2O!>MLNgq"
        "l&xm9;3$_r(VKxgEvzXEBU_vsR6;E(Mz>j)l8n?UAO=4!oa5xiYI)O*wsae+GD6VPr!sbtG{$)mzV}kOTkzy0%A~qamA%#T)O#VL*Frt"
        "Q610#|gOfL%(9|TqitaaLyA?^bJdfgy8"
    ),
]


def old_engine(*, async_scheduling: bool) -> LiveEngine:
    engine = LiveEngine(
        max_num_seqs=2,
        iteration_time=0.25,
        async_scheduling=async_scheduling,
        num_gpu_blocks=50,
        block_size=4,
        enable_prefix_caching=True,
    )
    hashes: Any = {"hash_ids": [1, 2, 1, 3, 1, 2], "hash_offsets": [0, 2, 4, 6]}
    engine.submit_columns(RequestColumns([10, 4, 5], [10, 10, 10], **hashes))
    engine.advance(0.6)
    engine.poll()
    engine.advance(0.9)
    return engine


@pytest.mark.parametrize("async_scheduling", [False, True])
def test_bytes_of_the_version_before_are_read(async_scheduling: bool) -> None:
    loaded = LiveEngine.load(zlib.decompress(base64.b85decode(OLD_BYTES[async_scheduling])))
    engine = old_engine(async_scheduling=async_scheduling)
    assert loaded.save() == engine.save()
    loaded.advance()
    engine.advance()
    assert loaded.poll() == engine.poll()


# What version 3 saved of `newer_engine`, which knew five coefficients of times and did not count prefill chunks.
NEWER_BYTES = [
    (
        "c-nJv3~}~w^>b%tfB=6O0}7a+GzSBAz{rST8$oFnOjQu-g8iSBA20bP1wiQp`;QrqJGTCKV%Ph2>w@pcHrO#T9D2=-%^qe3S^!1{?7qb"
        "%PffrD#l(Rh_1N6Sh-4NELI1(bKsAdAjg|vqRxD;Q5n&c8;9wYR0Kba@9GGzUxnW--KR7&L3>Xaq&u@jwB&{o~1ORcpD~S"
    ),
    (
        "c-nJv3~}~w^>b%tfPg|60}7a+GzSBAz{to5XB$Cj7EDzT>Vo~Bl^-wpCIvw01pAK}k2|*hcw*Q4cI$%g$2Qn8G8}r%jm>^$2I2rC11W%"
        "sknRJqhvkrIIB3|H$d4@HFdxFlPynMb02dS!0zbb?iu1KRu*c?3MkKRXhz^Y(_1MAyMuWV=N-(ToW}uqIh+!imdI(~KB#9BphAogu2kU"
        "1D-ji#&U{8$oNJ$($+KC7L&ri%gE2CHg0IM`YZ~"
    ),
]


def newer_engine(*, async_scheduling: bool) -> LiveEngine:
    """The first of two chunks of a prompt is under way."""
    engine = LiveEngine(
        max_num_seqs=2,
        max_num_batched_tokens=8,
        iteration_time=AffineTime(0.25, 0.001, 0.002, 1e-5, 1e-6),
        async_scheduling=async_scheduling,
        num_gpu_blocks=50,
        block_size=4,
        attribution=True,
    )
    engine.submit_columns(RequestColumns([10, 4, 5], [10, 10, 30]))
    engine.advance(0.1)
    engine.poll()
    engine.advance(0.2)
    return engine


@pytest.mark.parametrize("async_scheduling", [False, True])
def test_bytes_from_before_there_were_other_times_are_read(async_scheduling: bool) -> None:
    data = zlib.decompress(base64.b85decode(NEWER_BYTES[async_scheduling]))
    assert data[8] == 3
    loaded = LiveEngine.load(data)
    engine = newer_engine(async_scheduling=async_scheduling)
    assert loaded.save() == engine.save()
    loaded.advance()
    engine.advance()
    assert loaded.poll() == engine.poll()


def sealed(data: bytes) -> bytes:
    """The same with the checksum that belongs to it: FNV-1a of all before, in the last 8 bytes."""
    checksum = 0xCBF29CE484222325
    for byte in data[:-8]:
        checksum = (checksum ^ byte) * 0x100000001B3 % 2**64
    return data[:-8] + checksum.to_bytes(8, "little")


CHANGED_PROGRAM = """
import sys
from batching import BatchingError, LiveEngine

size = int(sys.argv[1])
data = sys.stdin.buffer.read()
for start in range(0, len(data), size):
    try:
        engine = LiveEngine.load(data[start : start + size])
        engine.abort(1)
        engine.set_output_length(0, 2)
        engine.advance(iterations=20)
    except BatchingError:
        pass
print("went on")
"""


@pytest.mark.parametrize(("requests", "time"), [(3, 0.6), (2, 0.6), (2, 0.75)])
def test_no_number_in_the_bytes_stops_the_process(requests: int, time: float) -> None:
    # A batch is in flight, another under way. Where none waits, iterations have been run ahead of the clock.
    engine = LiveEngine(max_num_seqs=2, async_scheduling=True, iteration_time=0.25)
    for request in range(requests):
        engine.submit(request, prompt_length=10, output_length=10 - request)
    engine.advance(time)
    data = engine.save()
    assert sealed(data) == data
    changed = [
        sealed(data[:place] + number.to_bytes(8, "little", signed=True) + data[place + 8 :])
        for place in range(24, len(data) - 15)
        for number in (-(2**63), 2**63 - 1, 2**62)
    ]
    done = subprocess.run(
        [sys.executable, "-c", CHANGED_PROGRAM, str(len(data))],
        input=b"".join(changed),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, b"went on\n"), done.stderr


def test_a_request_ends_once_whatever_the_bytes_say() -> None:
    # At 15 ms a batch is in flight and another is scheduled, which gives two requests their last tokens, unforeseen.
    engine = LiveEngine(async_scheduling=True, iteration_time=0.01, num_gpu_blocks=50, block_size=4)
    engine.submit_columns(RequestColumns([3, 3, 20], [2, 2, 2], max_tokens=[9, 9, 20]), [1, 2, 3])
    engine.advance(0.015)
    engine.poll()
    data = engine.save()
    loaded = 0
    for place in range(len(data) - 8):
        for difference in (1, 255):
            changed = bytearray(data)
            changed[place] = (changed[place] + difference) % 256
            try:
                other = LiveEngine.load(sealed(bytes(changed)))
                other.advance(3.0)
            except BatchingError:
                continue
            loaded += 1
            ended = [event.request for event in other.poll() if event.event == Event.FINISHED]
            assert len(ended) == len(set(ended)), place
    assert loaded > 100
