/* Feeds made-up input to every parser of the C programs, under the sanitizers: fuzz INPUTS SEED
 * [TARGET NUMBER].
 *
 * Each input depends only on the seed, the target and its number, so that one that fails can be
 * recreated by naming these. It is a sample with a few changes, in a block of memory of exactly its
 * length, so that an access beyond it is detected. */
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_targets.h"
#include "util.h"

#define INPUT_MAX 4096
#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

struct input {
	size_t length;
	uint8_t bytes[INPUT_MAX];
};

static uint64_t state;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static size_t below(size_t count)
{
	return (size_t)(next() % count);
}

/* What newlines separate becomes records with their sizes, or frames with lengths and ids. */
static void frame(struct input *input, bool by_id)
{
	struct input framed = {0};
	size_t start = 0, head = by_id ? 8 : 4;
	for (size_t at = 0; at <= input->length; at++) {
		if (at < input->length && input->bytes[at] != '\n')
			continue;
		size_t size = at - start, told = below(40) == 0 ? below(300) : size - (by_id && size > 0);
		if (framed.length + head + size > INPUT_MAX)
			break;
		for (int byte = 0; byte < 4; byte++)
			framed.bytes[framed.length++] = (uint8_t)(told >> 8 * byte);
		for (size_t byte = 4; byte < head; byte++)
			framed.bytes[framed.length++] = (uint8_t)below(3);
		memcpy(framed.bytes + framed.length, input->bytes + start, size);
		framed.length += size;
		start = at + 1;
	}
	*input = framed;
}

static void insert(struct input *input, size_t at, const void *bytes, size_t count)
{
	if (input->length + count > INPUT_MAX)
		return;
	memmove(input->bytes + at + count, input->bytes + at, input->length - at);
	memcpy(input->bytes + at, bytes, count);
	input->length += count;
}

static void change(struct input *input, const struct target *target)
{
	size_t words = 0, at = below(input->length + 1), count = below(input->length - at + 1);
	uint8_t copy[INPUT_MAX], byte = (uint8_t)next();
	while (words < COUNT_OF(target->words) && target->words[words] != NULL)
		words++;
	const char *word = target->words[below(words)];
	switch (below(6)) {
	case 0:
		insert(input, at, word, strlen(word));
		break;
	case 1:
		insert(input, at, &byte, 1);
		break;
	case 2:
		memcpy(copy, input->bytes + at, count);
		insert(input, below(input->length + 1), copy, count);
		break;
	case 3:
		memmove(input->bytes + at, input->bytes + at + count, input->length - at - count);
		input->length -= count;
		break;
	case 4:
		input->length = at;
		break;
	default:
		if (at < input->length)
			input->bytes[at] ^= (uint8_t)(1 << below(8));
	}
}

static void make(struct input *input, const struct target *target)
{
	size_t samples = 0;
	while (samples < COUNT_OF(target->samples) && target->samples[samples] != NULL)
		samples++;
	const char *sample = target->samples[below(samples)];
	input->length = strlen(sample);
	memcpy(input->bytes, sample, input->length);
	bool by_id = target->framing == FRAMES, is_framed = target->framing != PLAIN;
	for (size_t left = below(5); left > 0; left--)
		change(input, target);
	if (is_framed)
		frame(input, by_id);
	for (size_t left = is_framed && below(2) == 0 ? 1 + below(3) : 0; left > 0; left--)
		change(input, target);
}

static const struct target *current;
static uint64_t current_number, seed;

static void name_input(void)
{
	(void)fprintf(stderr, "fuzz: found by: fuzz 1 %llu %s %llu\n", (unsigned long long)seed, current->name,
		      (unsigned long long)current_number);
}

/* An abort in one of our checks ends like a sanitizer's finding. */
const char *__asan_default_options(void)
{
	return "handle_abort=1";
}

static const struct target *find(const char *name)
{
	for (size_t at = 0; at < TARGETS; at++) {
		if (strcmp(targets[at].name, name) == 0)
			return &targets[at];
	}
	return NULL;
}

static bool run(const struct target *target, uint64_t number)
{
	static struct input input;
	current = target;
	current_number = number;
	state = seed ^ number * 0xd1342543de82ef95ull ^ (uint64_t)(target - targets) << 56;
	make(&input, target);
	char *text = malloc(input.length + 1);
	if (text == NULL)
		abort();
	memcpy(text, input.bytes, input.length);
	text[input.length] = '\0';
	bool taken = target->parse(text, input.length);
	free(text);
	return taken;
}

int main(int argc, char **argv)
{
	uint64_t inputs, number = 0, taken[TARGETS] = {0};
	if ((argc != 3 && argc != 5) || !parse_number(argv[1], 1, 1000000000, &inputs) ||
	    !parse_number(argv[2], 0, INT64_MAX, &seed) ||
	    (argc == 5 && (find(argv[3]) == NULL || !parse_number(argv[4], 0, INT64_MAX, &number)))) {
		(void)fprintf(stderr, "fuzz: usage: fuzz INPUTS SEED [TARGET NUMBER]\n");
		return 2;
	}
	__sanitizer_set_death_callback(name_input);
	for (uint64_t left = inputs; left > 0; left--, number++) {
		/* Half of all inputs are requests, which have the largest grammar. */
		size_t turn = number % 2 == 0 ? 0 : 1 + number / 2 % (TARGETS - 1);
		const struct target *target = argc == 5 ? find(argv[3]) : &targets[turn];
		taken[target - targets] += run(target, number);
	}
	(void)printf("{\"inputs\":%llu,\"seed\":%llu,\"accepted\":{", (unsigned long long)inputs, (unsigned long long)seed);
	for (size_t at = 0; at < TARGETS; at++)
		(void)printf("%s\"%s\":%llu", at > 0 ? "," : "", targets[at].name, (unsigned long long)taken[at]);
	(void)printf("}}\n");
	return 0;
}
