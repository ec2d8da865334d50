/* The benchmarks that go through the C ABI. Usage: bench REQUESTS TRACES [engine|fleets]. The report is the
 * standard output. */
#include "columns.h"
#include "measure.h"
#include "report.h"
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t count_parse(const char *text) {
    char *end;
    const long long count = strtoll(text, &end, 10);
    if (*end != '\0' || count < 1000 || count > 1000000000) {
        fprintf(stderr, "bench: %s requests: must be a number from 1000 to 1000000000\n", text);
        exit(2);
    }
    return count;
}

int main(int arguments, char **argument) {
    if (arguments < 3 || arguments > 4) {
        fprintf(stderr, "usage: bench REQUESTS TRACES [engine|fleets]\n");
        return 2;
    }
    const int64_t count = count_parse(argument[1]);
    const int64_t needed = count * BENCHMARK_BYTES_PER_REQUEST;
    const int64_t available = available_memory_read();
    if (needed > available) {
        fprintf(stderr, "bench: %s requests need %.1f GB of free memory, there are %.1f\n", grouped(count),
                (double)needed / 1e9, (double)available / 1e9);
        return 1;
    }
    printf("libbatching %s; baselines compiled by %s\n", batching_version(), BENCHMARK_COMPILER);
    if (arguments == 4 && strcmp(argument[3], "fleets") == 0) {
        fleets_section(count / 10, argument[2]);
        return 0;
    }
    if (arguments == 3) {
        memory_section(count);
        simulators_section(count);
        metrics_section(count);
        scale_section(count * 10);
        accumulator_section(count);
        threads_section(count / 10);
    }
    engine_section(count / 10, argument[2]);
    engine_scale_section(count / 10);
    times_section(count / 10);
    policy_section(count / 10);
    live_section(count);
    fleets_section(count / 10, argument[2]);
    routers_section(count);
    return 0;
}
