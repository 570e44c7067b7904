/* A table on a terminal: cells of ASCII text, columns as wide as their widest cell. */
#ifndef NETWATCH_TEXT_TABLE_H
#define NETWATCH_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_TABLE_COLUMNS 10u
#define TEXT_TABLE_ROWS 48u
#define TEXT_TABLE_CELL 64u

struct text_column {
        const char *title; /* static */
        bool right;        /* numbers stand to the right */
        bool hidden;
};

/* Zeroed but for its columns, then filled row by row. */
struct text_table {
        struct text_column columns[TEXT_TABLE_COLUMNS];
        unsigned n_columns;
        unsigned n_rows;
        char cells[TEXT_TABLE_ROWS][TEXT_TABLE_COLUMNS][TEXT_TABLE_CELL];
};

/* Begins a row of empty cells; at most TEXT_TABLE_ROWS. */
void text_table_row(struct text_table *table);

/* Sets a cell of the last row, printf fashion; shorter than TEXT_TABLE_CELL. */
void text_table_set(struct text_table *table, unsigned column, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Columns on the screen, indentation included. */
unsigned text_table_width(const struct text_table *table);

/* Prints titles and rows to standard output, without blanks at the ends of lines. */
void text_table_print(const struct text_table *table);

#endif
