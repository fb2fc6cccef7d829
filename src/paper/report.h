// What is made of the results of a figure: a table with every run, a picture, and a text that says
// whether the study's finding holds by the rules of docs/paper.md.
#ifndef TRAPEZE_PAPER_REPORT_H
#define TRAPEZE_PAPER_REPORT_H

#include "paper/plan.h"
#include "paper/verdict.h"

// One statement and what became of it.
typedef struct tz_statement {
    char claim[128]; // "NODE+SO beats NODE"
    tz_outcome outcome;
} tz_statement;

enum { TZ_STATEMENTS_MAX = 8 };
typedef struct tz_report {
    tz_statement statement[TZ_STATEMENTS_MAX]; // (n)
    int n;
    char warning[256]; // what could not be drawn, or ""
} tz_report;

// Reads the results of all runs of the figure from `folder` and writes <figure>.csv, <figure>.md
// and <figure>.png and .svg into `out`. A missing gnuplot is a warning.
TZ_API tz_status tz_report_write(tz_report *report, tz_figure figure, tz_budget budget,
                                 const char *folder, const char *out, tz_error *error);

#endif
