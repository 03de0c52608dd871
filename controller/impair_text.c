// SPDX-License-Identifier: BSD-3-Clause
//
// impair_text: a table of words, each with its values; then what no link could be is refused.
//
// Every value has a unit, which is part of its word: a bare number could be anything. Decimals are read as
// such and not as floating point, so that 0.1 % is 1 000 000 parts of 10^9.

#include "controller/impair_text.h"

#include "base/suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PPB = 1000000000, PPB_PERCENT = PPB / 100, WORDS_MAX = 96, DELAY_MOST_S = 60 };

struct unit_word {
	const char *word;
	uint64_t worth;
};

static const struct unit_word times[] = {
	{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}, {0},
};
static const struct unit_word chances[] = {{"%", PPB_PERCENT}, {"ppm", 1000}, {"ppb", 1}, {0}};
static const struct unit_word rates[] = {
	{"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {0},
};
static const struct unit_word sizes[] = {
	{"b", 1}, {"kb", 1000}, {"mb", 1000000}, {"kib", 1024}, {"mib", 1048576}, {0},
};
static const struct unit_word counts[] = {{"packets", 1}, {"packet", 1}, {0}};

struct reader {
	const char *key;
	const char *field;
	struct refusal *refusal;
	char *words[WORDS_MAX];
	unsigned count, at;
	Weft__ImpairEffects *effects;
};

static int say(struct reader *reader, const char *hint, const char *what)
{
	refuse(reader->refusal, -EINVAL, reader->key, reader->field, "%s: %s", reader->key, what);
	if (hint)
		fail_hint(&reader->refusal->fail, "%s", hint);
	return -EINVAL;
}

// "2.5gbit" with the units of rates is 2500000000. -EINVAL when it is none; the sign is not ours.
static int read_value(const char *text, const struct unit_word *units, uint64_t *ret)
{
	uint64_t whole = 0, scale = 1;
	const char *c = text;
	unsigned digits = 0;

	for (bool point = false; (*c >= '0' && *c <= '9') || (*c == '.' && !point); c++) {
		if (*c == '.') {
			point = true;
			continue;
		}
		if (++digits > 15)
			return -ERANGE;
		whole = whole * 10 + (uint64_t)(*c - '0');
		scale *= point ? 10 : 1;
	}
	if (digits == 0)
		return -EINVAL;
	for (; units->word; units++) {
		uint64_t product;

		if (strcasecmp(c, units->word) != 0)
			continue;
		if (__builtin_mul_overflow(whole, units->worth, &product))
			return -ERANGE;
		*ret = product / scale;
		return 0;
	}
	return -EINVAL;
}

static const char *peek(const struct reader *reader)
{
	return reader->at < reader->count ? reader->words[reader->at] : NULL;
}

static int refuse_value(struct reader *reader, const char *word, const char *text, const char *form)
{
	char what[200];

	if (text)
		snprintf(what, sizeof(what), "'%.40s' cannot be the value of '%s'", text, word);
	else
		snprintf(what, sizeof(what), "'%s' has no value", word);
	return say(reader, form, what);
}

static int take(struct reader *reader, const char *word, const struct unit_word *units,
                const char *form, uint64_t *ret)
{
	const char *text = peek(reader);

	if (!text || read_value(text, units, ret) < 0)
		return refuse_value(reader, word, text, form);
	reader->at++;
	return 0;
}

static int take_time(struct reader *reader, const char *word, uint64_t *ret)
{
	return take(reader, word, times, "write a time with its unit, as 20ms, 150us or 1.5s", ret);
}

static int take_chance(struct reader *reader, const char *word, uint32_t *ret)
{
	const char *text = peek(reader);
	char what[160];
	uint64_t ppb;
	int err = take(reader, word, chances, "write a chance with its unit, as 1% or 0.05%", &ppb);

	if (err < 0)
		return err;
	if (ppb > PPB) {
		snprintf(what, sizeof(what), "%s %.32s is more than always", word, text);
		return say(reader, "a chance goes from 0% to 100%", what);
	}
	*ret = (uint32_t)ppb;
	return 0;
}

static int read_delay(struct reader *reader)
{
	reader->effects->has_delay_ns = true;
	return take_time(reader, "delay", &reader->effects->delay_ns);
}

static int read_jitter(struct reader *reader)
{
	static const char *const shapes[] = {"", "uniform", "normal", "pareto"};
	int err = take_time(reader, "jitter", &reader->effects->jitter_ns);

	reader->effects->has_jitter_ns = true;
	for (int i = 1; err == 0 && i < 4 && peek(reader); i++) {
		if (strcmp(peek(reader), shapes[i]) != 0)
			continue;
		reader->effects->has_jitter_shape = true;
		reader->effects->jitter_shape = (Weft__JitterShape)i;
		reader->at++;
		break;
	}
	return err;
}

static int read_ordered(struct reader *reader)
{
	reader->effects->has_keep_order = reader->effects->keep_order = true;
	return 0;
}

static int read_loss(struct reader *reader)
{
	reader->effects->has_loss_ppb = true;
	return take_chance(reader, "loss", &reader->effects->loss_ppb);
}

static bool is_chance_next(const struct reader *reader)
{
	uint64_t ignored;

	return peek(reader) && read_value(peek(reader), chances, &ignored) == 0;
}

// burst ENTER LEAVE [LOSS [LOSS-WHILE-GOOD]]
static int read_burst(struct reader *reader)
{
	Weft__ImpairEffects *effects = reader->effects;
	int err = take_chance(reader, "burst", &effects->bad_enter_ppb);

	if (err == 0 && !is_chance_next(reader))
		return say(reader,
		           "write burst ENTER LEAVE, as burst 1% 20%: the chances, for each frame, "
		           "that losses begin and that they end",
		           "'burst' has one chance and needs two");
	effects->has_bad_enter_ppb = effects->has_bad_leave_ppb = true;
	effects->has_bad_loss_ppb = true;
	effects->bad_loss_ppb = PPB;
	if (err == 0)
		err = take_chance(reader, "burst", &effects->bad_leave_ppb);
	if (err == 0 && is_chance_next(reader))
		err = take_chance(reader, "burst", &effects->bad_loss_ppb);
	if (err == 0 && is_chance_next(reader)) {
		effects->has_good_loss_ppb = true;
		err = take_chance(reader, "burst", &effects->good_loss_ppb);
	}
	return err;
}

static int read_duplicate(struct reader *reader)
{
	reader->effects->has_duplicate_ppb = true;
	return take_chance(reader, "duplicate", &reader->effects->duplicate_ppb);
}

static int read_corrupt(struct reader *reader)
{
	reader->effects->has_corrupt_ppb = true;
	return take_chance(reader, "corrupt", &reader->effects->corrupt_ppb);
}

static int read_reorder(struct reader *reader)
{
	reader->effects->has_reorder_ppb = true;
	return take_chance(reader, "reorder", &reader->effects->reorder_ppb);
}

static int read_rate(struct reader *reader)
{
	reader->effects->has_rate_bps = true;
	return take(reader, "rate", rates,
	            "write a rate in bits a second, as 10mbit, 512kbit or 2.5gbit",
	            &reader->effects->rate_bps);
}

static int read_overhead(struct reader *reader)
{
	static const struct unit_word bytes[] = {{"", 1}, {"b", 1}, {0}};
	const char *text = peek(reader);
	bool minus = text && text[0] == '-';
	uint64_t value;

	if (!text || read_value(text + minus, bytes, &value) < 0 || value > (minus ? 64 : 1024))
		return refuse_value(reader, "overhead", text,
		                    "write the bytes that each frame takes besides its own, as "
		                    "24 or -14");
	reader->at++;
	reader->effects->has_overhead = true;
	reader->effects->overhead = minus ? -(int32_t)value : (int32_t)value;
	return 0;
}

static int read_queue(struct reader *reader)
{
	const char *text = peek(reader);
	uint64_t value;

	if (text && read_value(text, counts, &value) == 0 && value <= UINT32_MAX) {
		reader->effects->has_queue_frames = true;
		reader->effects->queue_frames = (uint32_t)value;
		reader->at++;
		return 0;
	}
	reader->effects->has_queue_bytes = true;
	return take(reader, "queue", sizes, "write how much may wait, as 100packets or 64KB",
	            &reader->effects->queue_bytes);
}

static int read_down(struct reader *reader)
{
	reader->effects->has_down = reader->effects->down = true;
	return 0;
}

static int read_up(struct reader *reader)
{
	reader->effects->has_down = reader->effects->down = false;
	return 0;
}

static const struct {
	const char *word;
	int (*read)(struct reader *reader);
} effect_words[] = {
	{"delay", read_delay},     {"jitter", read_jitter}, {"ordered", read_ordered},
	{"loss", read_loss},       {"burst", read_burst},   {"duplicate", read_duplicate},
	{"corrupt", read_corrupt}, {"rate", read_rate},     {"overhead", read_overhead},
	{"queue", read_queue},     {"down", read_down},     {"up", read_up},
	{"reorder", read_reorder},
};

enum { EFFECT_WORDS = sizeof(effect_words) / sizeof(effect_words[0]) };

static int refuse_word(struct reader *reader, const char *word)
{
	struct suggest suggest;
	char what[120], hint[120];

	suggest_init(&suggest, word);
	for (unsigned i = 0; i < EFFECT_WORDS; i++)
		suggest_consider(&suggest, effect_words[i].word);
	snprintf(what, sizeof(what), "'%.40s' is no effect", word);
	if (suggest.best)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", suggest.best);
	else
		snprintf(hint, sizeof(hint),
		         "effects are delay, jitter, loss, burst, duplicate, corrupt, reorder, "
		         "rate, queue, overhead, ordered, down and up");
	return say(reader, hint, what);
}

static int refuse_again(struct reader *reader, const char *word)
{
	char what[80];

	snprintf(what, sizeof(what), "'%s' is said twice", word);
	return say(reader, "leave one of them out", what);
}

// A queue may be bounded in packets and in bytes, each once.
static unsigned bit_of(const struct reader *reader, unsigned word)
{
	uint64_t ignored;

	if (effect_words[word].read == read_queue && peek(reader) &&
	    read_value(peek(reader), counts, &ignored) == 0)
		return EFFECT_WORDS;
	return word;
}

static int read_words(struct reader *reader)
{
	uint32_t seen = 0;

	while (peek(reader)) {
		const char *word = reader->words[reader->at++];
		unsigned i = 0;
		int err;

		while (i < EFFECT_WORDS && strcmp(effect_words[i].word, word) != 0)
			i++;
		if (i == EFFECT_WORDS)
			return refuse_word(reader, word);
		if (seen & UINT32_C(1) << bit_of(reader, i))
			return refuse_again(reader, word);
		seen |= UINT32_C(1) << bit_of(reader, i);
		err = effect_words[i].read(reader);
		if (err < 0)
			return err;
	}
	return 0;
}

// What no link could be.
static int check(struct reader *reader, const Weft__ImpairEffects *effects)
{
	if (effects->delay_ns > DELAY_MOST_S * UINT64_C(1000000000))
		return say(reader, NULL, "a delay of more than 60 seconds cannot be kept");
	if (effects->jitter_ns && !effects->delay_ns)
		return say(reader, "write the mean before it, as delay 20ms jitter 5ms",
		           "jitter needs a delay, around which it is");
	if (effects->jitter_ns > effects->delay_ns)
		return say(reader,
		           "make the delay, which is the mean, at least as long as the jitter",
		           "the jitter is more than the delay, and no frame can come before it was "
		           "sent");
	if (effects->reorder_ppb && !effects->delay_ns)
		return say(reader, "give a delay as well, as delay 10ms reorder 5%",
		           "a reordered frame is one that skips the delay, and there is none");
	if (effects->keep_order && effects->reorder_ppb)
		return say(reader, "leave one of them out",
		           "'ordered' and 'reorder' contradict each other");
	if (effects->has_rate_bps && effects->rate_bps == 0)
		return say(reader, "write down for a link that carries nothing",
		           "with a rate of 0 no frame would ever arrive");
	if (effects->has_rate_bps && effects->rate_bps < 1000)
		return say(reader, NULL, "a rate below 1 kbit cannot be kept");
	if (effects->rate_bps > UINT64_C(1000000000000))
		return say(reader, NULL, "a rate above 1000 gbit cannot be kept");
	if (effects->has_bad_enter_ppb && effects->bad_enter_ppb && !effects->bad_leave_ppb)
		return say(reader, "make the second chance, to leave it, more than 0%",
		           "the bad state is entered and never left, so after a while every frame "
		           "would be lost");
	if (effects->has_bad_enter_ppb && !effects->bad_enter_ppb)
		return say(reader, "make the first chance more than 0%, or leave burst out",
		           "the bad state is never entered");
	if (!effects->rate_bps && (effects->has_queue_frames || effects->has_queue_bytes))
		return say(reader, "give a rate as well, as rate 10mbit queue 100packets",
		           "a queue needs a rate that it waits for");
	return 0;
}

static int split(struct reader *reader, char *text)
{
	char *rest = text;

	reader->count = reader->at = 0;
	for (char *word = strtok_r(text, " \t\n", &rest); word;
	     word = strtok_r(NULL, " \t\n", &rest)) {
		if (reader->count == WORDS_MAX)
			return say(reader, NULL, "there are too many words");
		reader->words[reader->count++] = word;
	}
	return 0;
}

static int read_effects(struct reader *reader, char *text, Weft__ImpairEffects *ret)
{
	int err = split(reader, text);

	reader->effects = ret;
	if (err == 0)
		err = read_words(reader);
	return err == 0 ? check(reader, ret) : err;
}

// The last word of a step is how long it lasts.
static int read_step(struct reader *reader, char *text, struct impair_text *ret)
{
	uint64_t duration;
	int err = split(reader, text);

	if (err < 0)
		return err;
	if (reader->count < 2 || read_value(reader->words[reader->count - 1], times, &duration) < 0)
		return say(
			reader,
			"write each step as EFFECTS TIME, as in \"up 10s; down 2s; loss 30% 5s\"",
			"a step of the timeline does not say how long it lasts");
	if (duration < 1000000 || duration > UINT64_C(604800) * 1000000000)
		return say(reader, NULL, "a step of a timeline lasts from 1ms to a week");
	if (ret->count >= IMPAIR_TEXT_STEPS - 1)
		return say(reader, NULL, "a timeline has 63 steps at most");
	reader->count--;
	reader->effects = &ret->steps[ret->count].effects;
	*reader->effects = ret->steps[IMPAIR_TEXT_STEPS - 1].effects;
	ret->steps[ret->count++].duration_ns = duration;
	err = read_words(reader);
	return err == 0 ? check(reader, reader->effects) : err;
}

int impair_text_parse(const char *key, const char *effects, const char *timeline, bool once,
                      struct impair_text *ret, struct refusal *refusal)
{
	struct reader reader = {.key = key, .field = "effects", .refusal = refusal};
	Weft__ImpairEffects *base = &ret->steps[IMPAIR_TEXT_STEPS - 1].effects;
	char text[IMPAIR_TEXT_MAX], *rest = text, *step;
	int err;

	*ret = (struct impair_text){0};
	weft__impair_effects__init(base);
	if (strlen(effects) >= sizeof(text) || (timeline && strlen(timeline) >= sizeof(text)))
		return say(&reader, NULL, "there are too many words");
	snprintf(text, sizeof(text), "%s", effects);
	err = read_effects(&reader, text, base);
	if (err < 0)
		return err;
	reader.field = "timeline";
	snprintf(text, sizeof(text), "%s", timeline ? timeline : "");
	while (err == 0 && (step = strsep(&rest, ";")))
		if (step[strspn(step, " \t\n")])
			err = read_step(&reader, step, ret);
	if (err < 0)
		return err;
	if (timeline && ret->count == 0)
		return say(&reader, "write it as \"up 10s; down 2s\"", "the timeline has no steps");
	if (!timeline || once)
		ret->steps[ret->count++].effects = *base;
	return 0;
}
