/*
 * Looks for work that grows faster than documented. The bytes say what is done, not how often: it is done at sizes of
 * n, 4n and 16n, and what the work grows by is divided by what the documented units of it grow by (requests,
 * iterations, blocks, bytes: whatever the header says costs O(1)). If that quotient grows, a size of 64n says whether
 * it goes on.
 */
#include "grown.h"

/* How the quotient may grow from one size to the next. With O(log(n)) a unit it is up to 1.4, and tables that double
 * may add something; with O(sqrt(n)) it is 2, and with O(n) it comes to 4. */
static const double SUSPICIOUS = 1.5, TOO_FAST = 2.2;
/* Beyond so many units the next size would take too long. */
static const double MOST_UNITS = 5e5;

/* By kind, how the quotient has grown: the fuzzer keeps inputs for which that is new. */
enum { KINDS = 4, GROWTHS = 32 };
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t growths[KINDS][GROWTHS];

/* What one more unit costs, from one size to the next; 0 if there are hardly more: nothing was done, or not all of it.
 */
static double per_unit(struct cost smaller, struct cost larger) {
    if (smaller.units <= 0 || larger.units < 2 * smaller.units || larger.work <= smaller.work) {
        return 0;
    }
    return (larger.work - smaller.work) / (larger.units - smaller.units);
}

void fuzz_complexity(struct input *input) {
    static const grown FUNCTIONS[KINDS] = {grown_run, grown_live_engine, grown_accumulator, grown_columns};
    const int64_t kind = ONE_OF(input, 0, 0, 0, 1, 1, 1, 1, 2, 3);
    const int64_t n = ONE_OF(input, 8, 12, 16, 24, 32, 48, 64);
    struct cost costs[4];
    double quotients[3] = {0};
    for (int step = 0; step < 4; step++) {
        if (step > 0 && costs[step - 1].units > MOST_UNITS / 16) {
            return;
        }
        costs[step] = FUNCTIONS[kind](*input, n << (2 * step));
        if (step == 0) {
            continue;
        }
        quotients[step - 1] = per_unit(costs[step - 1], costs[step]);
        if (quotients[step - 1] == 0) {
            return;
        }
        if (step == 2) {
            const double growth = 8 * quotients[1] / quotients[0];
            growths[kind][growth < GROWTHS ? (int)growth : GROWTHS - 1] = 1;
            if (quotients[1] < SUSPICIOUS * quotients[0]) {
                return;
            }
        }
    }
    if (quotients[2] < TOO_FAST * quotients[1]) {
        return;
    }
    for (int step = 0; step < 4; step++) {
        fprintf(stderr, "n %6lld: work %12.0f, documented units %10.0f; each more costs %8.2f\n",
                (long long)(n << (2 * step)), costs[step].work, costs[step].units,
                step > 0 ? quotients[step - 1] : 0.0);
    }
    REQUIRE(!"work grows faster than documented");
}

/* --- Shapes ------------------------------------------------------------------------------------------------------- */

static struct shape input_shape(struct input *input) {
    const uint8_t kind = input_byte(input);
    return (struct shape){kind, input_byte(input)};
}

struct column input_column(struct input *input) {
    const uint8_t first_count = input_byte(input);
    const struct shape first = input_shape(input);
    return (struct column){first, input_shape(input), first_count};
}

static int64_t shape_at(struct shape shape, int64_t index, int64_t n) {
    const int64_t value = shape.value;
    switch (shape.kind % 8) {
    case 0:
    case 1:
        return value;
    case 2:
        return n * (1 + value % 16) / 8;
    case 3:
        return index * (1 + value % 4);
    case 4:
        return (n - index) * (1 + value % 4);
    case 5:
        return index % (1 + value % 16);
    case 6:
        return index * (2 * value + 7919) % n;
    default:
        return index / (1 + value % 16);
    }
}

int64_t column_at(struct column column, int64_t index, int64_t n, int64_t least, int64_t most) {
    const int64_t first_counts[] = {0, 0, 1, 2, n / 2, n - 1};
    const bool is_first = index < first_counts[column.first_count % 6];
    const int64_t value = shape_at(is_first ? column.first : column.others, index, n);
    return least + (value < 0 ? 0 : value > most ? most : value);
}

int32_t *column_lengths(struct column column, int64_t n, int32_t least, int64_t most) {
    int32_t *lengths = allocate((size_t)n * sizeof *lengths);
    for (int64_t index = 0; index < n; index++) {
        lengths[index] = (int32_t)column_at(column, index, n, least, most);
    }
    return lengths;
}

double *column_times(struct column column, int64_t n, double unit) {
    double *times = allocate((size_t)n * sizeof *times);
    for (int64_t index = 0; index < n; index++) {
        times[index] = unit * (double)column_at(column, index, n, 0, 16 * n);
    }
    return times;
}

int64_t input_one_of(struct input *input, const int64_t *choices, uint8_t count) {
    return choices[input_byte(input) % count];
}
