reflex_bench(store_bench LINK reflex_store)
reflex_bench(cache_bench LINK reflex_cache benchmark::benchmark)
add_executable(store_full store_full.cc)
target_link_libraries(store_full PRIVATE reflex_store reflex_lmdb)
