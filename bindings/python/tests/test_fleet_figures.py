"""What fleets come to: costs, loads of single replicas and hits by hand, and all figures in one table."""

import math
from typing import Any

import pytest

import fleet_by_hand as by_hand
from batching import SLO, EngineConfig, FleetCost, RequestColumns, RooflineTime, simulate_fleet
from batching._output.fleet_figures import FleetTerms, figures_of, fleet_run, fleet_table


def test_costs_by_hand() -> None:
    """Two GPUs for 1.5 s generate four tokens."""
    result = by_hand.two_replicas()
    cost = result.cost(gpu_hour_price=3.6)
    assert (cost.gpus, cost.gpu_time, cost.tokens_per_gpu_second) == (2, 3.0, 4 / 3)
    # A thousandth a GPU-second.
    assert cost.total == pytest.approx(3 * 0.001)
    assert cost.per_million_tokens == pytest.approx(0.003 / 4 * 1e6)
    assert isinstance(cost, FleetCost)
    four = result.cost(gpus_per_replica=4)
    assert (four.gpus, four.gpu_time, four.tokens_per_gpu_second) == (8, 12.0, 1 / 3)
    assert math.isnan(four.total)
    assert math.isnan(four.per_million_tokens)
    assert "tokens per GPU-second    0.33" in str(four)
    assert "cost" not in str(four)


def test_a_replica_has_the_gpus_that_share_its_layers() -> None:
    time = RooflineTime.for_deployment("Llama-3.1-8B", "H100-SXM", 2)
    pools = [(EngineConfig(iteration_time=time), 3), (EngineConfig(iteration_time=0.1), 2)]
    assert simulate_fleet(RequestColumns([1]), pools).cost().gpus == 3 * 2 + 2


def test_nothing_is_known_of_no_requests() -> None:
    result = simulate_fleet(RequestColumns([]), replicas=3)
    cost = result.cost(gpu_hour_price=1.0)
    assert (cost.gpus, cost.gpu_time, cost.total) == (3, 0.0, 0.0)
    assert math.isnan(cost.tokens_per_gpu_second)
    assert math.isnan(cost.per_million_tokens)
    assert math.isnan(result.prefix_hit_rate)


@pytest.mark.parametrize(
    ("error", "sentence", "arguments"),
    [
        (ValueError, "gpu_hour_price is 0", {"gpu_hour_price": 0}),
        (ValueError, "gpu_hour_price is -1", {"gpu_hour_price": -1}),
        (ValueError, "gpu_hour_price is inf", {"gpu_hour_price": math.inf}),
        (ValueError, "gpu_hour_price is nan", {"gpu_hour_price": math.nan}),
        (TypeError, "gpu_hour_price is '2'", {"gpu_hour_price": "2"}),
        (ValueError, "gpus_per_replica is 0", {"gpus_per_replica": 0}),
        (TypeError, r"gpus_per_replica is 1\.5", {"gpus_per_replica": 1.5}),
    ],
)
def test_bad_prices_are_refused_in_a_sentence(error: type[Exception], sentence: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(error, match=sentence):
        by_hand.two_replicas().cost(**arguments)


def test_the_load_of_one_replica() -> None:
    result = by_hand.two_replicas()
    first, second = (result.load(replica=replica, timeline=3) for replica in range(2))
    assert first.timeline is not None
    assert second.timeline is not None
    assert first.timeline.running.tolist() == [1, 1, 1]
    assert first.timeline.waiting.tolist() == [1, 1, 0]
    assert second.timeline.running.tolist() == [1, 0, 0]
    assert second.timeline.waiting.tolist() == [0, 0, 0]
    assert first.slot_utilization == 1.0
    assert second.slot_utilization == pytest.approx(1 / 3)
    assert first.requests + second.requests == result.load().requests == 3
    # Of two slots: two at first, then one.
    assert result.load().slot_utilization == pytest.approx((2 + 1 + 1) / 6)


def test_the_slots_of_one_replica_are_those_of_its_pool() -> None:
    pools = [(EngineConfig(max_num_seqs=2, iteration_time=0.5), 1), (EngineConfig(max_num_seqs=4, iteration_time=1), 2)]
    result = simulate_fleet(RequestColumns([2, 1, 1]), pools)
    # Each runs one request: for 1 s of 1 s.
    assert [result.load(replica=replica).slot_utilization for replica in range(3)] == [1 / 2, 1 / 4, 1 / 4]
    for replica in (-1, 3):
        with pytest.raises(ValueError, match=f"replica is {replica}: must be between 0 and 2"):
            result.load(replica=replica)
    with pytest.raises(ValueError, match="static"):
        simulate_fleet(RequestColumns([1]), EngineConfig(policy="static"), replicas=2).load(replica=0)


def test_prefix_hits_by_hand() -> None:
    """32 tokens each, of which the second request finds the first block: a prompt is never found as a whole."""
    requests = RequestColumns(
        [1, 1], prompt_length=[32, 32], arrival_time=[0.0, 5.0], hash_ids=[[1, 2], [1, 2]], hash_block_size=16
    )
    config = EngineConfig(iteration_time=0.5, num_gpu_blocks=10, enable_prefix_caching=True)
    assert simulate_fleet(requests, config, replicas=1).prefix_hit_rate == 16 / 64
    assert simulate_fleet(requests, config, replicas=2).prefix_hit_rate == 0.0


def test_figures_by_hand() -> None:
    told = figures_of(by_hand.two_replicas(), FleetTerms(slo=SLO(ttft=0.5), gpu_hour_price=3.6))
    assert (told["replicas"], told["router"], told["finished"]) == (2, "round_robin", 3)
    # First tokens at 0.5, 0.5 and 1.5 s; one further token 0.5 s later; ends at 1.0, 0.5 and 1.5 s.
    assert told["mean_ttft"] == pytest.approx(2.5 / 3)
    assert told["mean_tpot"] == pytest.approx(0.5)
    assert told["mean_e2e"] == pytest.approx(1.0)
    # Two of them are good, in 1.5 s.
    assert told["goodput"] == pytest.approx(2 / 1.5)
    assert told["slo_attainment"] == pytest.approx(2 / 3)
    # Three tokens and one: 1 around a mean of 2.
    assert told["imbalance"] == pytest.approx(0.5)
    assert told["throughput"] == pytest.approx(4 / 1.5)
    assert told["throughput_per_replica"] == pytest.approx(2 / 1.5)
    assert told["tokens_per_gpu_second"] == pytest.approx(4 / 3)
    assert told["cost"] == pytest.approx(0.003)
    assert "goodput" not in figures_of(by_hand.two_replicas(), FleetTerms())


def test_the_table_has_what_a_run_has_and_marks_the_best() -> None:
    one, two = (simulate_fleet(RequestColumns([2, 1, 1]), by_hand.CONFIG, replicas=count) for count in (1, 2))
    table = fleet_table([fleet_run(result, FleetTerms()) for result in (one, two)], marked=True)
    assert table.headings == ["n", "router", "TTFT ms", "p99 TTFT ms", "TPOT ms", "p99 E2E ms", "imbal. %", "tok/GPU-s"]
    # One replica has first tokens at 0.5, 1.5 and 2.0 s, and four tokens in 2.0 s.
    assert table.rows[0][:3] == ["1", "round_robin", "1,333"]
    assert table.rows[1][:3] == ["2", "round_robin", "833 *"]
    assert [row[4] for row in table.rows] == ["500", "500"]
    assert [row[-1] for row in table.rows] == ["2.00 *", "1.33"]
    long = simulate_fleet(RequestColumns([100]), by_hand.CONFIG, replicas=1)
    named = fleet_table([fleet_run(long, FleetTerms(), "long")])
    assert (named.headings[:2], named.rows[0][:2]) == (["", "TTFT ms"], ["long", "500"])
    assert (named.headings[4], named.rows[0][4]) == ("p99 E2E s", "50.0")
