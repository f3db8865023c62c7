// One function of the demo: draws one tile of the Mandelbrot set within a given number of
// milliseconds, mostly asleep.
//
//   tile NUMBER COLUMNS ROWS EDGE_PIXELS DURATION_MS FOLDER
//
// Writes FOLDER/NUMBER.tile (raw RGB, EDGE_PIXELS squared) completely or not at all: the file is
// renamed into place. It sleeps between its lines, because the demo's cluster declares many more
// processors than the machine has.

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EDGE = 256, MAX_STEPS = 400 };

static int steps_to_escape(double re, double im)
{
	double x = 0, y = 0;
	int steps = 0;
	while (steps < MAX_STEPS && x * x + y * y < 4) {
		double next = x * x - y * y + re;
		y = 2 * x * y + im;
		x = next;
		steps++;
	}
	return steps;
}

static void paint(unsigned char *pixel, int steps)
{
	double t = steps == MAX_STEPS ? 0 : sqrt((double)steps / MAX_STEPS);
	pixel[0] = (unsigned char)(255 * fmin(1, 3 * t * t + 0.04));
	pixel[1] = (unsigned char)(255 * fmin(1, 1.6 * t));
	pixel[2] = (unsigned char)(255 * (steps == MAX_STEPS ? 0.08 : 0.25 + 0.75 * fmin(1, 2 * t)));
}

static void sleep_ms(double milliseconds)
{
	struct timespec left = { .tv_sec = (time_t)(milliseconds / 1000),
				 .tv_nsec = (long)(fmod(milliseconds, 1000) * 1e6) };
	nanosleep(&left, NULL);
}

static int write_tile(const char *folder, int number, const unsigned char *pixels, size_t bytes)
{
	char path[4096], partial[4096 + 32];
	snprintf(path, sizeof path, "%s/%d.tile", folder, number);
	snprintf(partial, sizeof partial, "%s.%ld", path, (long)getpid());
	FILE *file = fopen(partial, "wb");
	if (!file)
		return -1;
	size_t written = fwrite(pixels, 1, bytes, file);
	if (fclose(file) != 0 || written != bytes)
		return -1;
	return rename(partial, path);
}

int main(int argc, char **argv)
{
	static unsigned char pixels[MAX_EDGE * MAX_EDGE * 3];
	if (argc != 7) {
		fprintf(stderr, "usage: tile NUMBER COLUMNS ROWS EDGE_PIXELS DURATION_MS FOLDER\n");
		return 2;
	}
	int number = atoi(argv[1]), columns = atoi(argv[2]), rows = atoi(argv[3]);
	int edge = atoi(argv[4]), duration_ms = atoi(argv[5]);
	if (columns < 1 || rows < 1 || edge < 1 || edge > MAX_EDGE || number < 0 || number >= columns * rows)
		return 2;
	double width = (double)columns * edge, height = (double)rows * edge, scale = 3.2 / width;
	for (int row = 0; row < edge; row++) {
		for (int column = 0; column < edge; column++) {
			double x = number % columns * edge + column, y = number / columns * edge + row;
			int steps = steps_to_escape((x - width * 0.69) * scale, (y - height / 2) * scale);
			paint(&pixels[3 * (row * edge + column)], steps);
		}
		if (row % 4 == 3)
			sleep_ms(4.0 * duration_ms / edge);
	}
	if (write_tile(argv[6], number, pixels, (size_t)edge * edge * 3) != 0) {
		perror("tile");
		return 1;
	}
	return 0;
}
