/* The report of report.h. */
#include "report.h"

#include <inttypes.h>
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
