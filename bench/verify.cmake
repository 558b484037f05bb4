if(TARGET reflex_inference AND EXISTS ${CMAKE_SOURCE_DIR}/lib/inference/static_embedder.h)
  add_executable(verify_features verify_features.cc)
  target_link_libraries(verify_features PRIVATE reflex_verify reflex_inference reflex_simdjson)
endif()
