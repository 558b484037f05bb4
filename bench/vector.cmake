add_executable(vector_bench vector_bench.cc)
target_link_libraries(vector_bench PRIVATE reflex_vector Threads::Threads)
