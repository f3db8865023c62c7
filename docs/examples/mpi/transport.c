/* Monte Carlo transport of particles through a slab that scatters and absorbs them. A task is a
 * batch of particles. The random numbers are counted, not drawn in a row: a particle has the same
 * fate on each machine, and in each order. */
#include <math.h>
#include <stdio.h>

#include "kernel.h"

#define PARTICLES 20000
/* In mean free paths. */
#define THICKNESS 2.0
#define SCATTERED 0.7

struct batch {
	uint64_t first, particles;
};

struct tally {
	uint64_t reflected, absorbed, transmitted;
	/* Of the transmitted ones, those that met nothing. */
	uint64_t straight;
};

static void follow(uint64_t particle, struct tally *tally)
{
	double depth = 0, cosine = 1;
	for (uint64_t event = 0;; event += 3) {
		depth -= cosine * log(1 - random_of(particle, event));
		if (depth < 0) {
			tally->reflected++;
			return;
		}
		if (depth > THICKNESS) {
			tally->transmitted++;
			tally->straight += event == 0;
			return;
		}
		if (random_of(particle, event + 1) >= SCATTERED) {
			tally->absorbed++;
			return;
		}
		cosine = 2 * random_of(particle, event + 2) - 1;
	}
}

uint32_t handler(const void *in, uint32_t size, void *out)
{
	const struct batch *batch = in;
	struct tally tally = { 0 };
	if (size != sizeof *batch)
		return UINT32_MAX;
	for (uint64_t at = 0; at < batch->particles; at++)
		follow(batch->first + at, &tally);
	*(struct tally *)out = tally;
	return sizeof tally;
}

static void make_input(void *input, size_t task)
{
	*(struct batch *)input = (struct batch){ .first = task * PARTICLES, .particles = PARTICLES };
}

/* No particle is lost, and as many as theory says meet nothing: exp(-THICKNESS) of them. */
static bool check(const void *outputs, size_t tasks)
{
	const struct tally *tallies = outputs;
	struct tally sum = { 0 };
	for (size_t task = 0; task < tasks; task++) {
		sum.reflected += tallies[task].reflected;
		sum.absorbed += tallies[task].absorbed;
		sum.transmitted += tallies[task].transmitted;
		sum.straight += tallies[task].straight;
	}
	const double all = (double)tasks * PARTICLES, share = exp(-THICKNESS);
	const double deviations = fabs((double)sum.straight - all * share) / sqrt(all * share * (1 - share));
	printf("check: of %.0f particles, %.4f reflected, %.4f absorbed, %.4f transmitted;"
	       " those that met nothing are %.1f deviations from theory\n",
	       all, (double)sum.reflected / all, (double)sum.absorbed / all, (double)sum.transmitted / all, deviations);
	return (double)(sum.reflected + sum.absorbed + sum.transmitted) == all && deviations < 5;
}

const struct kernel kernel = {
	.name = "transport",
	.input_bytes = sizeof(struct batch),
	.output_bytes = sizeof(struct tally),
	.make_input = make_input,
	.check = check,
};
