/* The report of report.h. */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const char *grouped(int64_t number) {
    static char texts[4][32];
    static int used;
    char digits[24];
    char *text = texts[used++ % 4];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    char *end = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') {
            *end++ = ',';
        }
        *end++ = digits[i];
    }
    *end = '\0';
    return text;
}

void report_heading(const char *format, ...) {
    va_list values;
    va_start(values, format);
    printf("\n== ");
    vprintf(format, values);
    printf("\n\n");
    va_end(values);
}

void report_target(int reached, const char *format, ...) {
    va_list values;
    va_start(values, format);
    printf("%-11s  ", reached ? "reached" : "NOT REACHED");
    vprintf(format, values);
    printf("\n");
    va_end(values);
}

/**
 * The p in "time is proportional to count^p", from the first row to the last. 1.00 is linear; a sort, n log n, has 1.08
 * from 10^4 to 10^8. Memory that no longer fits the caches makes it a little more than 1 for any program.
 */
static double growth_exponent(double first, double last, double counts_ratio) {
    return 1.0 + log(last / first) / log(counts_ratio);
}

void report_growth(const char *what, double first, double last, double counts_ratio, double largest_step) {
    const double exponent = growth_exponent(first, last, counts_ratio);
    report_target(exponent < 1.05, "%s: time grows as requests^%.3f, linear is below 1.05; largest step: x %.2f", what,
                  exponent, largest_step);
}
