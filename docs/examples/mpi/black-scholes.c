/* Prices European options by Black and Scholes. A task is a row of options. */
#include <math.h>
#include <stdio.h>

#include "kernel.h"

#define OPTIONS 4096

struct option {
	double spot, strike, years, rate, volatility;
};

struct price {
	double call, put;
};

/* The share of a normal distribution below x. */
static double below(double x)
{
	return 0.5 * erfc(-x * M_SQRT1_2);
}

static struct price price_of(const struct option *option)
{
	double spread = option->volatility * sqrt(option->years);
	double drift = option->rate + 0.5 * option->volatility * option->volatility;
	double d1 = (log(option->spot / option->strike) + drift * option->years) / spread, d2 = d1 - spread;
	double discounted = option->strike * exp(-option->rate * option->years);
	return (struct price){
		.call = option->spot * below(d1) - discounted * below(d2),
		.put = discounted * below(-d2) - option->spot * below(-d1),
	};
}

uint32_t handler(const void *in, uint32_t size, void *out)
{
	const struct option *options = in;
	struct price *prices = out;
	const size_t count = size / sizeof *options;
	for (size_t at = 0; at < count; at++)
		prices[at] = price_of(&options[at]);
	return (uint32_t)(count * sizeof *prices);
}

static void make_input(void *input, size_t task)
{
	struct option *options = input;
	for (size_t at = 0; at < OPTIONS; at++) {
		const uint64_t number = task * OPTIONS + at;
		options[at] = (struct option){
			.spot = 50 + 100 * random_of(number, 0),
			.strike = 50 + 100 * random_of(number, 1),
			.years = 0.25 + 2 * random_of(number, 2),
			.rate = 0.1 * random_of(number, 3),
			.volatility = 0.1 + 0.4 * random_of(number, 4),
		};
	}
}

/* A call less a put costs what the share costs less the discounted strike. */
static bool check(const void *outputs, size_t tasks)
{
	const struct price *price = outputs;
	double worst = 0;
	for (size_t task = 0; task < tasks; task++) {
		struct option options[OPTIONS];
		make_input(options, task);
		for (size_t at = 0; at < OPTIONS; at++, price++) {
			double parity = options[at].spot - options[at].strike * exp(-options[at].rate * options[at].years);
			worst = fmax(worst, fabs(price->call - price->put - parity));
		}
	}
	printf("check: put-call parity of %zu options holds to %.1e\n", tasks * OPTIONS, worst);
	return worst < 1e-9;
}

const struct kernel kernel = {
	.name = "black-scholes",
	.input_bytes = OPTIONS * sizeof(struct option),
	.output_bytes = OPTIONS * sizeof(struct price),
	.make_input = make_input,
	.check = check,
};
