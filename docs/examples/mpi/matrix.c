/* Multiplies dense matrices: A(i,k) = i + k by B(k,j) = k - j, with K columns and rows. A task is a
 * block of rows of A, which travels with B. */
#include <stdio.h>
#include <string.h>

#include "kernel.h"

#define ROWS 16
#define K 192
#define COLUMNS 192

struct input {
	double a[ROWS][K], b[K][COLUMNS];
};

struct output {
	double c[ROWS][COLUMNS];
};

uint32_t handler(const void *in, uint32_t size, void *out)
{
	const struct input *input = in;
	struct output *output = out;
	if (size != sizeof *input)
		return UINT32_MAX;
	memset(output, 0, sizeof *output);
	for (size_t row = 0; row < ROWS; row++)
		for (size_t k = 0; k < K; k++)
			for (size_t column = 0; column < COLUMNS; column++)
				output->c[row][column] += input->a[row][k] * input->b[k][column];
	return sizeof *output;
}

static void make_input(void *where, size_t task)
{
	struct input *input = where;
	for (size_t row = 0; row < ROWS; row++)
		for (size_t k = 0; k < K; k++)
			input->a[row][k] = (double)(task * ROWS + row + k);
	for (size_t k = 0; k < K; k++)
		for (size_t column = 0; column < COLUMNS; column++)
			input->b[k][column] = (double)k - (double)column;
}

/* The sum over k of (i + k)(k - j) has a closed form, and all numbers are whole: no rounding. */
static bool check(const void *outputs, size_t tasks)
{
	const struct output *blocks = outputs;
	const double sum = K * (K - 1) / 2.0, squares = (K - 1) * K * (2 * K - 1) / 6.0;
	size_t wrong = 0;
	for (size_t row = 0; row < tasks * ROWS; row++)
		for (size_t column = 0; column < COLUMNS; column++) {
			const double i = (double)row, j = (double)column;
			wrong += blocks[row / ROWS].c[row % ROWS][column] != squares + (i - j) * sum - K * i * j;
		}
	printf("check: of %zu elements, %zu differ from the closed form\n", tasks * ROWS * COLUMNS, wrong);
	return wrong == 0;
}

const struct kernel kernel = {
	.name = "matrix",
	.input_bytes = sizeof(struct input),
	.output_bytes = sizeof(struct output),
	.make_input = make_input,
	.check = check,
};
