# Most of the time to compile a file goes to headers, so with REFLEX_UNITY the files of a test are joined, and with sanitizers those of a
# room, eight at a time in their order. So no two of eight give unlike things of their own one name; a new file moves those behind it.
# What is shipped is not joined.

# reflex_room(NAME LIB|SERVER [USES room...] [PUBLIC target...] [PRIVATE target...])
# One room is one static library of all .cc files in its folder. USES names rooms of lower layers; tools/check_layers.py holds the
# rules, this only links.
function(reflex_room name house)
  cmake_parse_arguments(ROOM "" "" "USES;PUBLIC;PRIVATE" ${ARGN})
  string(TOLOWER ${house} folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_library(reflex_${name} STATIC ${sources})
  if(REFLEX_UNITY AND REFLEX_SANITIZE)
    set_target_properties(reflex_${name} PROPERTIES UNITY_BUILD ON)
  endif()
  target_include_directories(reflex_${name} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/${folder}> $<INSTALL_INTERFACE:include>)
  foreach(room IN LISTS ROOM_USES)
    target_link_libraries(reflex_${name} PUBLIC reflex_${room})
  endforeach()
  target_link_libraries(reflex_${name} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY REFLEX_ROOMS_${house} reflex_${name})
endfunction()

# reflex_test(NAME SOURCES... [LINK target...]) builds a GoogleTest program; each TEST is a ctest test "NAME.Suite.Case".
function(reflex_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  if(REFLEX_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON)
  endif()
  target_link_libraries(${name} PRIVATE ${TEST_LINK} GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${TEST_TIMEOUT})
endfunction()

# reflex_embed(TARGET SYMBOL FILE…) puts the files, one after the other, into the program as bytes that are mapped, not read:
#   extern "C" const char reflex_data_SYMBOL_begin[], reflex_data_SYMBOL_end[];
function(reflex_embed target symbol)
  set(joined ${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.bin)
  add_custom_command(OUTPUT ${joined} COMMAND ${CMAKE_COMMAND} -E cat ${ARGN} > ${joined} DEPENDS ${ARGN} VERBATIM)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.cc)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
asm(R"(
  .pushsection .rodata
  .balign 64
  .globl reflex_data_@symbol@_begin
  .globl reflex_data_@symbol@_end
reflex_data_@symbol@_begin:
  .incbin "@joined@"
reflex_data_@symbol@_end:
  .byte 0
  .popsection
)");
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${joined})
  target_sources(${target} PRIVATE ${source})
endfunction()
