#include "work.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

static const char *files;
static int dumps;

void work_files(const char *prefix) {
    files = prefix;
    /* What is large always comes from the system, which zeroes it: whatever was freed before. */
    mallopt(M_MMAP_THRESHOLD, 1 << 17);
    if (!RUNNING_ON_VALGRIND) {
        fputs("run this under valgrind --tool=callgrind --collect-atstart=no\n", stderr);
        exit(2);
    }
}

void work_begin(void) {
    CALLGRIND_TOGGLE_COLLECT;
}
void work_end(void) {
    CALLGRIND_TOGGLE_COLLECT;
}

double work_take(void) {
    CALLGRIND_DUMP_STATS;
    char name[1000], line[1000];
    snprintf(name, sizeof name, "%s.%d", files, ++dumps);
    FILE *file = fopen(name, "r");
    double instructions = -1;
    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, "totals:", 7))
            instructions = strtod(line + 7, NULL);
    }
    if (file)
        fclose(file);
    remove(name);
    if (instructions < 0) {
        fprintf(stderr, "callgrind wrote no %s\n", name);
        exit(2);
    }
    return instructions;
}

void *allocate(size_t size) {
    void *memory = calloc(size ? size : 1, 1);
    if (!memory)
        abort();
    return memory;
}

void require(batching_status status) {
    if (status == BATCHING_OK)
        return;
    fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
    exit(2);
}

int scenario_check(const struct scenario *scenario) {
    double work[3];
    for (int step = 0; step < 3; step++) {
        scenario->run(scenario->smallest << step);
        work[step] = work_take();
    }
    double growth = work[2] / work[0];
    int fails = growth > scenario->most;
    printf("%-52s %12.0f %12.0f %12.0f  x %5.2f%s\n", scenario->name, work[0], work[1], work[2], growth,
           fails ? "  GROWS TOO FAST" : "");
    fflush(stdout);
    return fails;
}
