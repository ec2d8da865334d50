/*
 * Drives batching_live_engine_save and _load amid a sequence of calls: the engine that is loaded is the same, and goes
 * on in its place. Bytes that were damaged, with a checksum that was put right, are refused, or make an engine
 * that can be used like any other; so do bytes whose counters and clocks stand where a very long life would bring them.
 */
#include <math.h>

#include "checks.h"

enum {
    HEAD_SIZE = 24,
    CHECKSUM_SIZE = 8,
    /* The configuration comes first. Damaged, it could ask for any amount of memory; all but its model of time. */
    CONFIG_SIZE = 81,
    TIME_MODEL = HEAD_SIZE + CONFIG_SIZE - 2,
    /* If there are any. */
    TIERS_SIZE = 57,
    /* The counters, eight bytes each, come after it. */
    CLOCK = 0,
    NOW = 8,
    ITERATION = 16,
    SUBMITTED = 24,
    FINISHED = 48,
    PREEMPTIONS = 56,
    LAST_COUNTER = 88,
    MOST_DAMAGES = 4,
    MOST_ITERATIONS = 40,
};

/* What an engine is saved as, in memory of exactly that size. */
struct bytes {
    uint8_t *bytes;
    int64_t size;
    /* Where its counters begin. */
    int64_t counters;
};

static struct bytes saved(batching_live_engine *engine) {
    struct bytes saved;
    REQUIRE(batching_live_engine_save(engine, NULL, 0, &saved.size) == BATCHING_OK);
    saved.bytes = allocate((size_t)saved.size);
    REQUIRE(batching_live_engine_save(engine, saved.bytes, saved.size - 1, NULL) == BATCHING_ERROR_CAPACITY);
    REQUIRE(batching_live_engine_save(engine, saved.bytes, saved.size, NULL) == BATCHING_OK);
    return saved;
}

batching_live_engine *fuzz_saved_engine(batching_live_engine *engine, const batching_engine_config *callbacks) {
    const struct bytes first = saved(engine);
    batching_live_engine *loaded = NULL;
    REQUIRE(batching_live_engine_load(first.bytes, first.size, callbacks, &loaded) == BATCHING_OK);
    const batching_live_engine_state one = state_of(engine), other = state_of(loaded);
    REQUIRE(memcmp(&one, &other, sizeof one) == 0);
    const struct bytes second = saved(loaded);
    REQUIRE(first.size == second.size && memcmp(first.bytes, second.bytes, (size_t)first.size) == 0);
    free(first.bytes);
    free(second.bytes);
    REQUIRE(batching_live_engine_destroy(engine) == BATCHING_OK);
    return loaded;
}

/* All numbers that are equal to one of the clock's, or of the iterations, by so much later: the order of all stays. */
static void move_all(struct bytes bytes, uint64_t least, uint64_t most, uint64_t later) {
    for (int64_t place = bytes.counters; place + 8 <= bytes.size - CHECKSUM_SIZE; place++) {
        const uint64_t number = saved_number(bytes.bytes + place);
        if (number >= least && number <= most) {
            save_number(bytes.bytes + place, number + later);
            place += 7;
        }
    }
}

/* A life as long as the counters can tell, or nearly. */
static void make_old(struct input *input, struct bytes bytes) {
    uint8_t *const counters = bytes.bytes + bytes.counters;
    const uint64_t most = UINT64_C(1) << 62, little = input_byte(input) % 8;
    const uint8_t which = input_byte(input);
    if (which & 1) {
        const uint64_t iteration = saved_number(counters + ITERATION);
        /* The number of the batch in flight is one or two less. */
        if (iteration > 2 && which & 2) {
            move_all(bytes, iteration - 2, iteration, most - iteration - little);
        }
        save_number(counters + ITERATION, most - little);
    }
    if (which & 4) {
        const uint64_t more = most - saved_number(counters + SUBMITTED) - little;
        save_number(counters + SUBMITTED, saved_number(counters + SUBMITTED) + more);
        save_number(counters + FINISHED, saved_number(counters + FINISHED) + more);
    }
    if (which & 8) {
        const uint64_t latest = UINT64_C(9223372036000000000), now = saved_number(counters + NOW);
        const uint64_t later = latest - now - little * 100000000;
        if (now > 1000000) {
            move_all(bytes, now - now / 4, now + now / 4, later);
        }
        save_number(counters + CLOCK, saved_number(counters + CLOCK) <= now ? latest - 800000000 : latest);
        save_number(counters + NOW, now + later);
    }
    for (int64_t place = PREEMPTIONS; which & 16 && place <= LAST_COUNTER; place += 8) {
        save_number(counters + place, input_limit_of_numbers(input));
    }
    while (input_chance(input, 4)) {
        const int64_t places = bytes.size - CHECKSUM_SIZE - 8 - bytes.counters;
        const int64_t place = (int64_t)(input_word(input) % (uint64_t)places);
        save_number(counters + place, input_limit_of_numbers(input));
    }
    save_checksum(bytes.bytes, bytes.size);
}

static void damage(struct input *input, struct bytes *bytes) {
    const bool is_model = input_chance(input, 4);
    const int64_t first = is_model ? TIME_MODEL : bytes->counters;
    const int64_t end = is_model ? bytes->counters - 1 : bytes->size - CHECKSUM_SIZE;
    for (int damages = 1 + input_byte(input) % MOST_DAMAGES; damages > 0; damages--) {
        uint8_t *place = bytes->bytes + first + (int64_t)(input_word(input) % (uint64_t)(end - first));
        switch (input_byte(input) % 3) {
        case 0:
            *place = input_byte(input);
            break;
        case 1:
            *place += 1;
            break;
        default:
            *place -= 1;
        }
    }
    if (input_chance(input, 16)) {
        bytes->size -= input_byte(input) % (end - first);
        save_number(bytes->bytes + 16, (uint64_t)bytes->size);
    }
    save_checksum(bytes->bytes, bytes->size);
}

/* Ids may be any in damaged bytes; all else adds up. */
static int32_t decide(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    require_view(view, 1);
    input_decision(user_data, view, decision);
    return 0;
}

/* One more request, which is taken, or refused as a whole. */
static void require_submitted(batching_live_engine *engine) {
    const batching_live_engine_state before = state_of(engine);
    batching_requests requests;
    REQUIRE(batching_requests_init(&requests, sizeof requests) == BATCHING_OK);
    const int32_t output = 3;
    requests.count = 1;
    requests.output_length = &output;
    const batching_status status = batching_live_engine_submit(engine, &requests, NULL);
    const batching_live_engine_state after = state_of(engine);
    if (succeeded(status)) {
        REQUIRE(after.submitted == before.submitted + 1);
    } else {
        REQUIRE(memcmp(&before, &after, sizeof before) == 0);
    }
}

void fuzz_damaged_engine(struct input *input, batching_live_engine *engine, const batching_engine_config *given) {
    batching_engine_config callbacks = *given;
    callbacks.policy_callback = decide;
    struct bytes bytes = saved(engine);
    bytes.counters =
        HEAD_SIZE + CONFIG_SIZE + saved_time_model_size(given) + (given->kv_offload != NULL ? TIERS_SIZE : 0);
    if (input_chance(input, 2)) {
        make_old(input, bytes);
    } else {
        damage(input, &bytes);
    }
    batching_live_engine *loaded = NULL, *copy = NULL;
    const batching_status status = batching_live_engine_load(bytes.bytes, bytes.size, &callbacks, &loaded);
    free(bytes.bytes);
    if (!succeeded(status)) {
        REQUIRE(status == BATCHING_ERROR_INVALID_ARGUMENT && loaded == NULL);
        return;
    }
    /* Not to its end, which may be far. */
    for (int rounds = 0; rounds < 3; rounds++) {
        const double clock = state_of(loaded).clock;
        if (!succeeded(batching_live_engine_abort(loaded, (int64_t)(input_byte(input) % 24) - 2))) {
            succeeded(batching_live_engine_set_output_length(loaded, (int64_t)(input_byte(input) % 24) - 2, 30));
        }
        if (!succeeded(batching_live_engine_advance(loaded, rounds == 1 ? clock + 1.0 : INFINITY, MOST_ITERATIONS))) {
            break;
        }
        const batching_live_engine_state now = state_of(loaded);
        REQUIRE(now.clock >= clock && now.tokens_in_flight >= 0 && now.iterations >= 0);
        REQUIRE(now.submitted == now.pending + now.waiting + now.running + now.finished + now.rejected + now.aborted);
        free(saved(loaded).bytes);
    }
    require_submitted(loaded);
    if (succeeded(batching_live_engine_fork(loaded, &copy))) {
        succeeded(batching_live_engine_advance(copy, INFINITY, MOST_ITERATIONS));
        REQUIRE(batching_live_engine_destroy(copy) == BATCHING_OK);
    }
    REQUIRE(batching_live_engine_destroy(loaded) == BATCHING_OK);
}
