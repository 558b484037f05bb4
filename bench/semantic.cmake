if(TARGET reflex_vector AND TARGET reflex_inference)
  add_executable(semantic_bench semantic_bench.cc)
  target_link_libraries(semantic_bench PRIVATE reflex_cache reflex_store reflex_vector reflex_inference)
endif()
