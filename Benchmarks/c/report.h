/* How the report looks. */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

/** A number with its thousands apart: "10,000,000". Valid until the fourth call after this one. */
const char *grouped(int64_t number);

/** A blank line, then the heading of a table. */
void report_heading(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** A figure beside the target it is held to: "reached" or "NOT REACHED", then the text. */
void report_target(int reached, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Whether time grows linearly from the first row of a table to the last, whose times a request these are; and the most
 * by which a row's exceeds that of the row before.
 */
void report_growth(const char *what, double first, double last, double counts_ratio, double largest_step);

#endif
