# cmake -DBUILD= -DCONSUMER= -DWORK= -DCOMPILER= -DFLAGS= -DGENERATOR= -DVERSION= -P install_test.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}: status ${status}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --component library)

foreach(name IN ITEMS LICENSE NOTICE NOTICE.builtin NOTICE.lexicon NOTICE.minilm THIRD_PARTY_LICENSES.md)
  if(NOT EXISTS ${prefix}/share/doc/reflex/${name})
    message(FATAL_ERROR "share/doc/reflex/${name} was not installed")
  endif()
endforeach()

# Every public header compiles for itself, without the source tree.
file(GLOB_RECURSE headers ${prefix}/include/*.h)
if(NOT headers)
  message(FATAL_ERROR "no header was installed under ${prefix}/include/reflex")
endif()
foreach(header IN LISTS headers)
  run(${COMPILER} -std=c++23 -fsyntax-only -x c++ -I${prefix}/include -I${prefix}/include/reflex-lib ${header})
endforeach()

run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS}
  -DCMAKE_PREFIX_PATH=${prefix} -DREFLEX_WANTED=${VERSION})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer ${WORK}/store)
if(NOT output MATCHES "served from memory: 4\nserved after a restart: 4\ncanonical texts: equal\nother words: backwards, one by one")
  message(FATAL_ERROR "the consumer printed: ${output}")
endif()
file(REMOVE_RECURSE ${WORK})
