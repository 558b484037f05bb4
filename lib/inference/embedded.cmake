# The table of word vectors and its vocabulary, as bytes of the program.
if(TARGET reflex_inference)
  reflex_embed(reflex_inference static_table ${CMAKE_SOURCE_DIR}/models/builtin/static128.bin)
  reflex_embed(reflex_inference static_vocabulary ${CMAKE_SOURCE_DIR}/models/builtin/vocab.txt)
endif()
