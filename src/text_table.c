/* Widths are measured when the table is printed, so that a column can be hidden after the rows
 * were filled in. */
#include "text_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INDENT 2u
#define GAP 2u

void text_table_row(struct text_table *table) {
        assert(table->n_rows < TEXT_TABLE_ROWS);
        memset(table->cells[table->n_rows++], 0, sizeof(table->cells[0]));
}

void text_table_set(struct text_table *table, unsigned column, const char *format, ...) {
        assert(table->n_rows && column < table->n_columns);
        va_list arguments;
        va_start(arguments, format);
        int n = vsnprintf(table->cells[table->n_rows - 1][column], TEXT_TABLE_CELL, format, arguments);
        va_end(arguments);
        assert(n >= 0 && n < (int)TEXT_TABLE_CELL);
        (void)n;
}

static unsigned column_width(const struct text_table *table, unsigned column) {
        size_t width = strlen(table->columns[column].title);
        for (unsigned row = 0; row < table->n_rows; row++) {
                size_t length = strlen(table->cells[row][column]);
                width = length > width ? length : width;
        }
        return (unsigned)width;
}

unsigned text_table_width(const struct text_table *table) {
        unsigned width = INDENT - GAP;
        for (unsigned column = 0; column < table->n_columns; column++)
                if (!table->columns[column].hidden)
                        width += GAP + column_width(table, column);
        return width;
}

/* Blanks are kept back until text follows them. */
struct line {
        unsigned blanks;
};

static void put_cell(struct line *line, const struct text_column *column, unsigned width, const char *text) {
        unsigned rest = width - (unsigned)strlen(text);
        line->blanks += GAP + (column->right ? rest : 0);
        if (*text) {
                (void)printf("%*s%s", (int)line->blanks, "", text);
                line->blanks = 0;
        }
        line->blanks += column->right ? 0 : rest;
}

void text_table_print(const struct text_table *table) {
        unsigned widths[TEXT_TABLE_COLUMNS] = {0};
        for (unsigned column = 0; column < table->n_columns; column++)
                widths[column] = column_width(table, column);

        for (unsigned row = 0; row <= table->n_rows; row++) {
                struct line line = {.blanks = INDENT - GAP};
                for (unsigned column = 0; column < table->n_columns; column++) {
                        const struct text_column *is = &table->columns[column];
                        const char *text = row ? table->cells[row - 1][column] : is->title;
                        if (!is->hidden)
                                put_cell(&line, is, widths[column], text);
                }
                (void)putchar('\n');
        }
}
