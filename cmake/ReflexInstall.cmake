# Installs the program, and the library for find_package(reflex): all of lib/ as the one target reflex::reflex, and the headers under
# include/reflex, which are its contract.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The archive is made of the rooms' own objects, so that nothing is compiled twice.
get_property(lib_rooms GLOBAL PROPERTY REFLEX_ROOMS_LIB)
set(lib_objects "")
foreach(room IN LISTS lib_rooms)
  list(APPEND lib_objects $<TARGET_OBJECTS:${room}>)
endforeach()
add_library(reflex_library STATIC ${lib_objects})
add_library(reflex::reflex ALIAS reflex_library)
set_target_properties(reflex_library PROPERTIES
  OUTPUT_NAME reflex EXPORT_NAME reflex LINKER_LANGUAGE CXX RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
target_compile_features(reflex_library INTERFACE cxx_std_23)
target_include_directories(reflex_library INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(reflex_library INTERFACE OpenSSL::Crypto Threads::Threads
  $<BUILD_INTERFACE:reflex_lmdb> $<BUILD_INTERFACE:reflex_zstd> $<BUILD_INTERFACE:reflex_utf8proc> $<BUILD_INTERFACE:reflex_llama>
  $<INSTALL_INTERFACE:lmdb> $<INSTALL_INTERFACE:zstd> $<INSTALL_INTERFACE:utf8proc>)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/reflex)
install(TARGETS reflex_library EXPORT reflex ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/reflex DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN "*.h")
install(EXPORT reflex NAMESPACE reflex:: FILE reflexTargets.cmake DESTINATION ${package_folder} COMPONENT library)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/reflexConfig.cmake.in ${CMAKE_BINARY_DIR}/reflexConfig.cmake
  INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/reflexConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/reflexConfig.cmake ${CMAKE_BINARY_DIR}/reflexConfigVersion.cmake DESTINATION ${package_folder}
  COMPONENT library)
if(TARGET reflex)
  install(TARGETS reflex RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
endif()

# What their licenses ask to be passed on, with each half alone too. The texts of the system's libraries come with their packages.
set(licenses LICENSE NOTICE THIRD_PARTY_LICENSES.md)
list(TRANSFORM licenses PREPEND ${CMAKE_SOURCE_DIR}/)
if(llama_DIR AND EXISTS ${llama_prefix}/LICENSE.llama.cpp)
  string(FIND "${llama_DIR}" "${llama_prefix}/" llama_is_ours)
  if(llama_is_ours EQUAL 0)
    list(APPEND licenses ${llama_prefix}/LICENSE.llama.cpp)
  endif()
endif()
foreach(component IN ITEMS library program)
  install(FILES ${licenses} DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ${component})
  foreach(model IN ITEMS builtin lexicon minilm)
    install(FILES ${CMAKE_SOURCE_DIR}/models/${model}/NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME NOTICE.${model}
      COMPONENT ${component})
  endforeach()
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs COMPONENT program FILES_MATCHING PATTERN "*.md")

# What `reflex version` says.
set_source_files_properties(${CMAKE_SOURCE_DIR}/server/app/version.cc PROPERTIES COMPILE_DEFINITIONS REFLEX_VERSION="${PROJECT_VERSION}")
