#include "tests/unit/unit.h"

#include "dataplane/sink/kafka_hash.h"
#include "dataplane/sink/kafka_place.h"

static void the_first_and_the_last_offset_of_each_partition_are_kept_in_order(void **unused)
{
	struct kafka_places p = {0};
	struct sink_place got[4];
	assert_int_equal(kafka_places_get(&p, got, 4), 0);
	kafka_places_add(&p, 7, 100);
	kafka_places_add(&p, 2, 5);
	kafka_places_add(&p, 7, 102);
	kafka_places_add(&p, 7, 101);
	kafka_places_add(&p, 4, 9);
	assert_int_equal(kafka_places_get(&p, got, 4), 3);
	assert_int_equal(got[0].partition, 2);
	assert_int_equal(got[1].partition, 4);
	assert_int_equal(got[2].partition, 7);
	assert_int_equal(got[2].first, 100);
	assert_int_equal(got[2].last, 102);
	assert_int_equal(kafka_places_get(&p, got, 2), 2);
	kafka_places_reset(&p);
	assert_int_equal(kafka_places_get(&p, got, 4), 0);
	kafka_places_fini(&p);
}

static void partitions_beyond_the_limit_are_not_told(void **unused)
{
	struct kafka_places p = {0};
	static struct sink_place got[SINK_PLACES_MAX + 9];
	for (int32_t i = SINK_PLACES_MAX + 5; i >= 0; i--)
		kafka_places_add(&p, i, i);
	assert_int_equal(kafka_places_get(&p, got, SINK_PLACES_MAX + 9), SINK_PLACES_MAX);
	assert_int_equal(got[0].partition, 6);
	kafka_places_fini(&p);
}

/* The vectors of Kafka's own test of murmur2. */
static void a_key_has_the_number_that_javas_client_gives_it(void **unused)
{
	static const struct {
		const char *key;
		int32_t hash;
	} vectors[] = {{"21", -973932308},
		       {"foobar", -790332482},
		       {"a-little-bit-long-string", -985981536},
		       {"a-little-bit-longer-string", -1486304829},
		       {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		       {"abc", 479470107}};
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_int_equal((int32_t)kafka_hash(vectors[i].key, strlen(vectors[i].key)),
				 vectors[i].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_and_the_last_offset_of_each_partition_are_kept_in_order),
		cmocka_unit_test(partitions_beyond_the_limit_are_not_told),
		cmocka_unit_test(a_key_has_the_number_that_javas_client_gives_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
