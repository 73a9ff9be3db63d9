/* test_file_unpack.c - gzip members, zstd frames, and what is broken in them. */
#include "tests/support/capture_bytes.h"

#include <zlib.h>
#include <zstd.h>

#include "dataplane/base/mem.h"
#include "dataplane/capture/file_unpack.h"

static void put_gzip(struct bytes *b, const void *ptr, size_t len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)ptr, .avail_in = (uInt)len};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
	uint8_t *out = malloc(deflateBound(&z, len));
	z.next_out = out;
	z.avail_out = (uInt)deflateBound(&z, len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	bytes_put(b, out, z.total_out);
	deflateEnd(&z);
	free(out);
}

static void put_zstd(struct bytes *b, const void *ptr, size_t len, int window_log)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 1);
	if (window_log) {
		ZSTD_CCtx_setParameter(cctx, ZSTD_c_enableLongDistanceMatching, 1);
		ZSTD_CCtx_setParameter(cctx, ZSTD_c_windowLog, window_log);
	}
	size_t room = ZSTD_compressBound(len) + 64;
	uint8_t *out = malloc(room);
	ZSTD_inBuffer in = {.src = ptr, .size = len};
	ZSTD_outBuffer to = {.dst = out, .size = room};
	/* Without a size told before, the frame has a window in its header. */
	ZSTD_compressStream2(cctx, &to, &in, ZSTD_e_continue);
	assert_int_equal(ZSTD_compressStream2(cctx, &to, &in, ZSTD_e_end), 0);
	bytes_put(b, out, to.pos);
	ZSTD_freeCCtx(cctx);
	free(out);
}

static void put_skippable(struct bytes *b, unsigned nibble, uint32_t len)
{
	put_u32(b, 0x184d2a50 + nibble);
	put_u32(b, len);
	put_payload(b, nibble, len);
}

struct plain {
	struct bytes bytes;
	bool whole;
	const char *why;
};

/* All of @b in pieces of @in_piece, out in pieces of @out_piece. */
static struct plain unpack_all(const struct bytes *b, size_t in_piece, size_t out_piece)
{
	struct plain plain = {0};
	struct unpack *u;
	struct err e;
	enum unpack_kind kind = unpack_probe(slice_of(b->ptr, b->len));
	assert_int_not_equal(kind, UNPACK_NONE);
	assert_int_equal(unpack_create(kind, &u, &e), 0);
	struct slice in = {b->ptr, 0};
	uint8_t *out = malloc(out_piece);
	for (;;) {
		mem_seal(true);
		size_t n = unpack_run(u, &in, out, out_piece);
		mem_seal(false);
		bytes_put(&plain.bytes, out, n);
		size_t rest = b->len - (size_t)(in.ptr - b->ptr);
		if (unpack_why(u) || (!n && !rest))
			break;
		if (!in.len)
			in.len = rest < in_piece ? rest : in_piece;
	}
	plain.why = unpack_why(u);
	plain.whole = unpack_whole(u);
	unpack_destroy(u);
	free(out);
	return plain;
}

static void expect_plain(const struct bytes *packed, const struct bytes *want)
{
	static const size_t pieces[] = {1, 7, 64, 1000, 1 << 20};
	for (int i = 0; i < 5; i++) {
		struct plain p = unpack_all(packed, pieces[i], pieces[4 - i]);
		assert_null(p.why);
		assert_true(p.whole);
		assert_int_equal(p.bytes.len, want->len);
		assert_memory_equal(p.bytes.ptr, want->ptr, want->len);
		bytes_fini(&p.bytes);
	}
}

static void gzip_members_follow_each_other_also_empty_and_padded_with_zeros(void **state)
{
	struct bytes plain = {0}, packed = {0};
	put_payload(&plain, 3, 50000);
	put_gzip(&packed, plain.ptr, 20000);
	put_gzip(&packed, "", 0);
	put_gzip(&packed, plain.ptr + 20000, 1);
	put_gzip(&packed, plain.ptr + 20001, 29999);
	put_zeros(&packed, 1000);
	expect_plain(&packed, &plain);
	bytes_fini(&plain);
	bytes_fini(&packed);
}

static void zstd_frames_follow_each_other_with_skippable_ones_anywhere(void **state)
{
	struct bytes plain = {0}, packed = {0};
	put_payload(&plain, 3, 50000);
	put_skippable(&packed, 0, 12);
	put_zstd(&packed, plain.ptr, 20000, 0);
	put_skippable(&packed, 15, 3000);
	put_skippable(&packed, 7, 0);
	put_zstd(&packed, "", 0, 0);
	put_zstd(&packed, plain.ptr + 20000, 30000, 0);
	put_skippable(&packed, 1, 5);
	expect_plain(&packed, &plain);
	bytes_fini(&plain);
	bytes_fini(&packed);
}

static void zstd_windows_of_128_mib_are_read_and_larger_ones_refused_by_name(void **state)
{
	struct bytes plain = {0}, packed = {0};
	put_payload(&plain, 3, 1 << 20);
	put_zstd(&packed, plain.ptr, plain.len, 27);
	struct plain p = unpack_all(&packed, 4096, 4096);
	assert_null(p.why);
	assert_int_equal(p.bytes.len, plain.len);
	bytes_fini(&p.bytes);
	packed.len = 0;
	put_zstd(&packed, plain.ptr, plain.len, 28);
	p = unpack_all(&packed, 4096, 4096);
	assert_int_equal(p.bytes.len, 0);
	assert_non_null(p.why);
	assert_non_null(strstr(p.why, "memory"));
	bytes_fini(&p.bytes);
	bytes_fini(&plain);
	bytes_fini(&packed);
}

/* Where it is cut, and where one bit is wrong, it is never whole and good. */
static void expect_found(const struct bytes *packed, const struct bytes *want)
{
	for (size_t len = 4; len < packed->len; len++) {
		struct bytes cut = {.ptr = packed->ptr, .len = len};
		struct plain p = unpack_all(&cut, 64, 64);
		assert_true(p.why || !p.whole);
		assert_true(p.bytes.len <= want->len);
		if (p.bytes.len)
			assert_memory_equal(p.bytes.ptr, want->ptr, p.bytes.len);
		bytes_fini(&p.bytes);
	}
	/* The last bytes are the checksum. */
	packed->ptr[packed->len - 5 + packed->len % 2] ^= 1;
	struct plain p = unpack_all(packed, 64, 64);
	assert_non_null(p.why);
	bytes_fini(&p.bytes);
}

static void cut_and_damaged_gzip_is_found(void **state)
{
	struct bytes plain = {0}, packed = {0};
	put_payload(&plain, 3, 3000);
	put_gzip(&packed, plain.ptr, plain.len);
	expect_found(&packed, &plain);
	bytes_fini(&plain);
	bytes_fini(&packed);
}

static void cut_and_damaged_zstd_is_found(void **state)
{
	struct bytes plain = {0}, packed = {0};
	put_payload(&plain, 3, 3000);
	put_zstd(&packed, plain.ptr, plain.len, 0);
	expect_found(&packed, &plain);
	bytes_fini(&plain);
	bytes_fini(&packed);
}

static void expect_pieces_alike(const struct bytes *packed)
{
	for (size_t at = 4; at < packed->len; at += 3) {
		packed->ptr[at] ^= 0x10;
		struct plain whole = unpack_all(packed, packed->len, 1 << 20);
		static const size_t in[] = {1, 64, 1000}, out[] = {1 << 17, 64, 999};
		for (int i = 0; i < 3; i++) {
			struct plain p = unpack_all(packed, in[i], out[i]);
			assert_int_equal(p.bytes.len, whole.bytes.len);
			assert_int_equal(p.whole, whole.whole);
			assert_int_equal(!p.why, !whole.why);
			if (p.bytes.len)
				assert_memory_equal(p.bytes.ptr, whole.bytes.ptr, p.bytes.len);
			bytes_fini(&p.bytes);
		}
		bytes_fini(&whole.bytes);
		packed->ptr[at] ^= 0x10;
	}
}

static void what_comes_before_damage_does_not_depend_on_the_size_of_the_pieces(void **state)
{
	struct bytes plain = {0}, gz = {0}, zst = {0};
	put_payload(&plain, 3, 140000); /* two blocks of zstd */
	put_gzip(&gz, plain.ptr, plain.len);
	put_zstd(&zst, plain.ptr, plain.len, 0);
	put_zstd(&zst, plain.ptr, 50, 0);
	expect_pieces_alike(&gz);
	expect_pieces_alike(&zst);
	bytes_fini(&plain);
	bytes_fini(&gz);
	bytes_fini(&zst);
}

static void bytes_of_another_kind_behind_the_end_are_an_error(void **state)
{
	for (int kind = 0; kind < 2; kind++) {
		struct bytes packed = {0};
		if (kind == 0)
			put_gzip(&packed, "hello", 5);
		else
			put_zstd(&packed, "hello", 5, 0);
		bytes_put(&packed, "garbage!", 8);
		struct plain p = unpack_all(&packed, 1000, 1000);
		assert_int_equal(p.bytes.len, 5);
		assert_non_null(p.why);
		bytes_fini(&p.bytes);
		bytes_fini(&packed);
	}
}

static void a_reset_in_the_middle_starts_again_from_the_first_byte(void **state)
{
	for (int kind = 0; kind < 2; kind++) {
		struct bytes plain = {0}, packed = {0};
		put_payload(&plain, 3, 5000);
		if (kind == 0)
			put_gzip(&packed, plain.ptr, plain.len);
		else
			put_zstd(&packed, plain.ptr, plain.len, 0);
		struct unpack *u;
		struct err e;
		assert_int_equal(unpack_create(kind ? UNPACK_ZSTD : UNPACK_GZIP, &u, &e), 0);
		uint8_t out[8192];
		struct slice in = slice_of(packed.ptr, packed.len / 2);
		while (unpack_run(u, &in, out, 100))
			;
		unpack_reset(u);
		in = slice_of(packed.ptr, packed.len);
		size_t n = 0, more;
		while ((more = unpack_run(u, &in, out + n, sizeof(out) - n)) > 0)
			n += more;
		assert_int_equal(n, plain.len);
		assert_memory_equal(out, plain.ptr, n);
		assert_true(unpack_whole(u));
		unpack_destroy(u);
		bytes_fini(&plain);
		bytes_fini(&packed);
	}
}

static void plain_captures_are_not_taken_for_compressed_ones(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	assert_int_equal(unpack_probe(slice_of(b.ptr, b.len)), UNPACK_NONE);
	assert_int_equal(unpack_probe(slice_of("\x1f\x8b", 2)), UNPACK_NONE);
	assert_int_equal(unpack_probe(slice_of("", 0)), UNPACK_NONE);
	bytes_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_members_follow_each_other_also_empty_and_padded_with_zeros),
		cmocka_unit_test(zstd_frames_follow_each_other_with_skippable_ones_anywhere),
		cmocka_unit_test(zstd_windows_of_128_mib_are_read_and_larger_ones_refused_by_name),
		cmocka_unit_test(cut_and_damaged_gzip_is_found),
		cmocka_unit_test(cut_and_damaged_zstd_is_found),
		cmocka_unit_test(
			what_comes_before_damage_does_not_depend_on_the_size_of_the_pieces),
		cmocka_unit_test(bytes_of_another_kind_behind_the_end_are_an_error),
		cmocka_unit_test(a_reset_in_the_middle_starts_again_from_the_first_byte),
		cmocka_unit_test(plain_captures_are_not_taken_for_compressed_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
