add_executable(fill_store fill_store.cc)
target_link_libraries(fill_store PRIVATE reflex_store)
