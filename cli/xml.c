// SPDX-License-Identifier: BSD-3-Clause
//
// xml: the five entities that every reader of XML knows (XML 1.0, section 4.6). Both quotes are among them, so one
// way of writing is right in an element, and in an attribute whichever quotes it has.

#include "cli/xml.h"

const char *xml_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\'':
		return "&apos;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

void xml_put(FILE *file, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char *entity = xml_entity(text[i]);

		if (entity)
			fputs(entity, file);
		else
			fputc((unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i],
			      file);
	}
}
