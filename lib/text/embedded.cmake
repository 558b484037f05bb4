# The word lists of models/lexicon, one symbol for each kind of list. Files of one kind are joined in the order of their names.
function(reflex_lexicon kind)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/lexicon/${kind}.txt ${CMAKE_SOURCE_DIR}/models/lexicon/${kind}-*.txt)
  if(NOT files)
    message(FATAL_ERROR "models/lexicon has no ${kind}.txt and no ${kind}-*.txt")
  endif()
  list(SORT files)
  string(REPLACE - _ symbol ${kind})
  reflex_embed(reflex_text lexicon_${symbol} ${files})
endfunction()

foreach(kind tools entities aliases antonyms contrasts synonyms function-words courtesy negations idf known-words rare-words frames technical)
  reflex_lexicon(${kind})
endforeach()
