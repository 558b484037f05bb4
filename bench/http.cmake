add_executable(http_echo http_echo.cc)
target_link_libraries(http_echo PRIVATE reflex_http)
