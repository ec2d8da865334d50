/*
 * Drives batching_engine_save and _load in the middle of a sequence of calls: the engine that is loaded is the same,
 * and goes on in its place. Bytes that were damaged, with a checksum that was put right, are refused, or make an engine
 * that can be used like any other.
 */
#include <math.h>

#include "checks.h"

enum {
    HEAD_SIZE = 24,
    CHECKSUM_SIZE = 8,
    /* The configuration comes first. Damaged, it could ask for any amount of memory. */
    CONFIG_SIZE = 119,
    MOST_DAMAGES = 4,
    MOST_ITERATIONS = 40,
};

/* What an engine is saved as, in memory of exactly that size. */
struct bytes {
    uint8_t *bytes;
    int64_t size;
};

static struct bytes saved(batching_engine *engine) {
    struct bytes saved;
    REQUIRE(batching_engine_save(engine, NULL, 0, &saved.size) == BATCHING_OK);
    saved.bytes = allocate((size_t)saved.size);
    REQUIRE(batching_engine_save(engine, saved.bytes, saved.size - 1, NULL) == BATCHING_ERROR_CAPACITY);
    REQUIRE(batching_engine_save(engine, saved.bytes, saved.size, NULL) == BATCHING_OK);
    return saved;
}

batching_engine *fuzz_saved_engine(batching_engine *engine, const batching_config *callbacks) {
    const struct bytes first = saved(engine);
    batching_engine *loaded = NULL;
    REQUIRE(batching_engine_load(first.bytes, first.size, callbacks, &loaded) == BATCHING_OK);
    const batching_engine_state one = state_of(engine), other = state_of(loaded);
    REQUIRE(memcmp(&one, &other, sizeof one) == 0);
    const struct bytes second = saved(loaded);
    REQUIRE(first.size == second.size && memcmp(first.bytes, second.bytes, (size_t)first.size) == 0);
    free(first.bytes);
    free(second.bytes);
    REQUIRE(batching_engine_destroy(engine) == BATCHING_OK);
    return loaded;
}

static void put(uint8_t *bytes, uint64_t value) {
    for (int index = 0; index < 8; index++) {
        bytes[index] = (uint8_t)(value >> (8 * index));
    }
}

/* FNV-1a. */
static void set_checksum(struct bytes bytes) {
    uint64_t checksum = 0xcbf29ce484222325;
    for (int64_t index = 0; index < bytes.size - CHECKSUM_SIZE; index++) {
        checksum = (checksum ^ bytes.bytes[index]) * 0x100000001b3;
    }
    put(bytes.bytes + bytes.size - CHECKSUM_SIZE, checksum);
}

static void damage(struct input *input, struct bytes *bytes) {
    const int64_t first = HEAD_SIZE + CONFIG_SIZE, end = bytes->size - CHECKSUM_SIZE;
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
        put(bytes->bytes + 16, (uint64_t)bytes->size);
    }
    set_checksum(*bytes);
}

/* Ids may be any in damaged bytes; all else adds up. */
static int32_t decide(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    require_view(view);
    input_decision(user_data, view, decision);
    return 0;
}

void fuzz_damaged_engine(struct input *input, batching_engine *engine, const batching_config *given) {
    batching_config callbacks = *given;
    callbacks.policy_callback = decide;
    struct bytes bytes = saved(engine);
    damage(input, &bytes);
    batching_engine *loaded = NULL, *copy = NULL;
    const batching_status status = batching_engine_load(bytes.bytes, bytes.size, &callbacks, &loaded);
    free(bytes.bytes);
    if (!succeeded(status)) {
        REQUIRE(status == BATCHING_ERROR_INVALID_ARGUMENT && loaded == NULL);
        return;
    }
    /* Not to its end, which may be far. */
    for (int rounds = 0; rounds < 3; rounds++) {
        const double clock = state_of(loaded).clock;
        if (!succeeded(batching_engine_abort(loaded, (int64_t)(input_byte(input) % 24) - 2))) {
            succeeded(batching_engine_set_output_length(loaded, (int64_t)(input_byte(input) % 24) - 2, 30));
        }
        if (!succeeded(batching_engine_advance(loaded, rounds == 1 ? clock + 1.0 : INFINITY, MOST_ITERATIONS))) {
            break;
        }
        REQUIRE(state_of(loaded).clock >= clock);
        free(saved(loaded).bytes);
    }
    if (succeeded(batching_engine_fork(loaded, &copy))) {
        succeeded(batching_engine_advance(copy, INFINITY, MOST_ITERATIONS));
        REQUIRE(batching_engine_destroy(copy) == BATCHING_OK);
    }
    REQUIRE(batching_engine_destroy(loaded) == BATCHING_OK);
}
