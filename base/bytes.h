// SPDX-License-Identifier: BSD-3-Clause
//
// bytes: numbers in fixed byte order at addresses of any alignment; sizes.

#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

// => The alignment is a power of two.
#define ALIGN_UP(value, align) (((value) + ((align)-1)) & ~((align)-1))

// These name an argument twice; give them no side effects.
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#endif
#ifndef MAX
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif

// Fetches the line of the address for writing. The compiler's own hint for that is one for reading on x86
// unless it may assume more than the first of its processors; all of 64 bits take this one.
static inline void fetch_to_write(const void *address)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
	__builtin_prefetch(address, 1);
#endif
}

static inline uint16_t load_be16(const void *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return be16toh(value);
}

static inline uint32_t load_be32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return be32toh(value);
}

static inline uint64_t load_be64(const void *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return be64toh(value);
}

static inline uint16_t load_le16(const void *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return le16toh(value);
}

static inline uint32_t load_le32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static inline uint64_t load_le64(const void *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

static inline void store_be16(void *to, uint16_t value)
{
	value = htobe16(value);
	memcpy(to, &value, sizeof(value));
}

static inline void store_be32(void *to, uint32_t value)
{
	value = htobe32(value);
	memcpy(to, &value, sizeof(value));
}

static inline void store_be64(void *to, uint64_t value)
{
	value = htobe64(value);
	memcpy(to, &value, sizeof(value));
}

static inline void store_le16(void *to, uint16_t value)
{
	value = htole16(value);
	memcpy(to, &value, sizeof(value));
}

static inline void store_le32(void *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static inline void store_le64(void *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

// memcpy() without a call, for headers: worth it up to some 256 bytes. The last bytes are copied twice.
static inline void copy_short(uint8_t *restrict to, const uint8_t *restrict from, uint32_t len)
{
	enum { STEP = 32 };

	if (len < STEP) {
		memcpy(to, from, len);
		return;
	}
	for (uint32_t at = 0; at < len - STEP; at += STEP)
		__builtin_memcpy(to + at, from + at, STEP);
	__builtin_memcpy(to + len - STEP, from + len - STEP, STEP);
}
