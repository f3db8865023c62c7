/* Prices European options by Black and Scholes: an array of options in, an array of prices out. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct option {
	double spot;
	double strike;
	double years;
	double rate;
	double volatility;
};

struct price {
	double call;
	double put;
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
	double d1 = (log(option->spot / option->strike) + drift * option->years) / spread;
	double d2 = d1 - spread;
	double discounted = option->strike * exp(-option->rate * option->years);
	return (struct price){
		.call = option->spot * below(d1) - discounted * below(d2),
		.put = discounted * below(-d2) - option->spot * below(-d1),
	};
}

/* Both arrays are aligned; a result is smaller than its option, so it fits wherever those did. */
uint32_t handler(const void *in, uint32_t size, void *out)
{
	const struct option *options = in;
	struct price *prices = out;
	size_t count = size / sizeof *options;
	for (size_t at = 0; at < count; at++)
		prices[at] = price_of(&options[at]);
	return (uint32_t)(count * sizeof *prices);
}
