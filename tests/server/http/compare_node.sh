#!/bin/sh
# Finds Node and runs the comparison: compare_node.sh HTTP_VERDICT FOLDER. Fails, saying so, where there is no Node.
node=${REFLEX_NODE:-$(command -v node)}
if [ -z "$node" ]; then
  echo "The comparison with Node's parser needs Node.js: install it, or name the program in REFLEX_NODE." >&2
  exit 1
fi
exec "$node" "$2/compare_node.mjs" "$1" "$2/parser_corpus.txt"
