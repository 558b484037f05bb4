add_executable(budget_sim budget_sim.cc)
target_link_libraries(budget_sim PRIVATE reflex_verify)
