reflex_fuzzer(resp3 reflex_redis)
