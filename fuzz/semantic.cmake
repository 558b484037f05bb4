if(EXISTS ${CMAKE_SOURCE_DIR}/lib/cache/semantic_record.h)
  reflex_fuzzer(semantic_record reflex_cache)
endif()
