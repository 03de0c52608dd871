// SPDX-License-Identifier: BSD-3-Clause
//
// kit: fills messages in by the names of their fields.

#include "tests/unit/controller/kit.h"

#include <ctype.h>

const struct instance kit_instance = {
	.uuid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static int enum_value(const ProtobufCEnumDescriptor *type, const char *word)
{
	for (unsigned i = 0; i < type->n_values; i++) {
		const char *name = strchr(type->values[i].name, '_') + 1;

		if (strcasecmp(name, word) == 0)
			return type->values[i].value;
	}
	fail_msg("no value '%s' in %s", word, type->name);
	return 0;
}

// Where a field of the message is; libprotobuf-c aligns it for its type.
static void *field_at(ProtobufCMessage *message, unsigned offset)
{
	return (char *)message + offset;
}

static void append_value(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                         const char *value)
{
	size_t *count = field_at(message, field->quantifier_offset);

	if (field->type == PROTOBUF_C_TYPE_STRING) {
		char ***list = field_at(message, field->offset);

		*list = realloc(*list, (*count + 1) * sizeof(**list));
		(*list)[(*count)++] = strdup(value);
	} else {
		uint32_t **list = field_at(message, field->offset);

		*list = realloc(*list, (*count + 1) * sizeof(**list));
		(*list)[(*count)++] = (uint32_t)atoi(value);
	}
}

static void set_scalar(const ProtobufCFieldDescriptor *field, const char *value, void *at)
{
	if (field->type == PROTOBUF_C_TYPE_ENUM) {
		int number = enum_value((const ProtobufCEnumDescriptor *)field->descriptor, value);

		memcpy(at, &number, sizeof(number));
	} else if (field->type == PROTOBUF_C_TYPE_BOOL) {
		protobuf_c_boolean truth = atoi(value) != 0;

		memcpy(at, &truth, sizeof(truth));
	} else {
		uint32_t number = (uint32_t)strtoul(value, NULL, 0);

		memcpy(at, &number, sizeof(number));
	}
}

static void set_field(ProtobufCMessage *message, const char *name, const char *value)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
	protobuf_c_boolean *has;
	char **text;

	if (!field)
		fail_msg("no field '%s' in %s", name, message->descriptor->name);
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		append_value(message, field, value);
		return;
	}
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		text = field_at(message, field->offset);
		*text = strdup(value);
		return;
	}
	has = field_at(message, field->quantifier_offset);
	*has = true;
	set_scalar(field, value, field_at(message, field->offset));
}

static ProtobufCMessage *add_body(Weft__Intent *intent, const char *word)
{
	enum noun noun = noun_from_word(word);
	const ProtobufCFieldDescriptor *field;
	ProtobufCMessage *body;

	assert_int_not_equal(noun, NOUN_NONE);
	field = protobuf_c_message_descriptor_get_field(&weft__intent__descriptor,
	                                                noun_field(noun));
	body = calloc(1, ((const ProtobufCMessageDescriptor *)field->descriptor)->sizeof_message);
	((const ProtobufCMessageDescriptor *)field->descriptor)->message_init(body);
	intent->body_case = (Weft__Intent__BodyCase)noun_field(noun);
	intent->net = (Weft__Net *)body;
	return body;
}

Weft__Intent *kit_message(const char *line)
{
	Weft__Intent *intent = malloc(sizeof(*intent));
	ProtobufCMessage *body;
	char copy[512], *rest = copy, *word;

	weft__intent__init(intent);
	snprintf(copy, sizeof(copy), "%s", line);
	body = add_body(intent, strsep(&rest, " "));
	intent->name = strdup(strsep(&rest, " "));
	while ((word = strsep(&rest, " "))) {
		char *value = strchr(word, '=');

		assert_non_null(value);
		*value++ = '\0';
		if (strcmp(word, "lab") == 0)
			intent->lab = strdup(value);
		else
			set_field(body, word, value);
	}
	return intent;
}

struct intent *kit_intent(const char *line)
{
	Weft__Intent *message = kit_message(line);
	struct intent *intent = intent_new(message);

	weft__intent__free_unpacked(message, NULL);
	assert_non_null(intent);
	return intent;
}

static int edit_line(struct model *model, const char *line, struct refusal *refusal)
{
	Weft__Intent *message = kit_message(line + (line[0] == '-'));
	int err;

	if (line[0] == '-')
		err = model_remove(model, noun_of(message), message->name, false, refusal);
	else
		err = model_put(model, message, refusal);
	weft__intent__free_unpacked(message, NULL);
	return err;
}

int kit_batch(struct model *model, struct refusal *refusal, ...)
{
	const char *line;
	va_list lines;
	int err = 0;

	*refusal = (struct refusal){0};
	model_begin(model);
	va_start(lines, refusal);
	while (err == 0 && (line = va_arg(lines, const char *)))
		err = edit_line(model, line, refusal);
	va_end(lines);
	if (err == 0)
		err = model_settle(model, refusal);
	if (err < 0)
		model_rollback(model);
	return err;
}

void kit_put(struct model *model, const char *line)
{
	struct refusal refusal;

	if (kit_batch(model, &refusal, line, NULL) < 0)
		fail_msg("%s: %s", line, refusal.fail.what);
	model_commit(model);
}

void kit_refused(struct model *model, const char *line, int code, const char *field,
                 const char *words)
{
	size_t before[NOUN_COUNT];
	struct refusal refusal;

	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		before[noun] = model_count(model, noun);
	if (kit_batch(model, &refusal, line, NULL) == 0)
		fail_msg("'%s' was not refused", line);
	if (refusal.fail.code != code || strcmp(refusal.field, field ? field : "") != 0 ||
	    !strstr(refusal.fail.what, words))
		fail_msg("'%s': %d '%s': %s (%s)", line, refusal.fail.code, refusal.field,
		         refusal.fail.what, refusal.fail.hint);
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		assert_int_equal(model_count(model, noun), before[noun]);
}

static const char *kind_word(Weft__Kind kind, char buf[static 40])
{
	const ProtobufCEnumValue *value =
		protobuf_c_enum_descriptor_get_value(&weft__kind__descriptor, (int)kind);
	size_t len = 0;

	for (const char *at = value->name + strlen("KIND_"); *at; at++)
		buf[len++] = (char)tolower((unsigned char)*at);
	buf[len] = '\0';
	return buf;
}

const char *kit_counts(const struct desired *desired, char *buf, size_t size)
{
	char word[40];
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned kind = 1; kind < DESIRED_KINDS; kind++)
		if (desired->count[kind])
			len += (size_t)snprintf(buf + len, size - len, "%s%s=%u", len ? " " : "",
			                        kind_word((Weft__Kind)kind, word),
			                        (unsigned)desired->count[kind]);
	return buf;
}

Weft__Object *kit_object(const struct desired *desired, Weft__Kind kind, const char *name)
{
	const struct object *object;
	size_t cursor = 0;

	while ((object = table_next(&desired->objects, &cursor, NULL, NULL)))
		if (object->kind == kind && strcmp(object->name, name) == 0)
			return weft__object__unpack(NULL, object->len, object->packed);
	return NULL;
}
